"""Score the final labels of a volume slice by slice."""

from ultraseg.base.files import read_table, write_table, write_text
from ultraseg.evaluate.choose_method import method_note
from ultraseg.evaluate.gain import gain_note
from ultraseg.evaluate.label_next import advice_note
from ultraseg.evaluate.score_volume import ScoredVolume, Truth, score_volume
from ultraseg.evaluate.summary import meeting_note, volume_summary
from ultraseg.jobs.evaluate import Evaluate
from ultraseg.networks.card import learned_dice
from ultraseg.quality.flags import quality_note
from ultraseg.run.job import job

with job(snakemake, Evaluate) as (spec, log):
    given, out = snakemake.input, snakemake.output
    volume = ScoredVolume(
        spec.files.folder,
        shape=spec.shape,
        pixel_nm=spec.pixel_nm,
        kinds=spec.kinds,
        labelled=spec.labelled,
        uses=spec.uses,
        label_files=spec.label_files,
        cells=spec.cells,
        downsample=spec.downsample,
        left_out=spec.left_out,
        min_cell_voxels=spec.settings["min_cell_voxels"],
        bad=spec.bad,
        learned={s: dice for s, card in spec.cards.items() for dice in learned_dice(card, s)},
        min_object_voxels=spec.min_object_voxels,
    )
    metrics = score_volume(volume, Truth(spec.truth, spec.plane, spec.crop))
    write_table(out.metrics, metrics)
    notes = [quality_note(read_table(given.slices), spec.first)]
    notes += [meeting_note(read_table(file)) for file in given.meetings]
    for advice in map(read_table, given.advice):
        notes += [advice_note(advice), gain_note(volume, advice)]
    notes.append(method_note(given.chosen))
    summary = volume_summary(spec.volume, metrics, notes)
    write_text(out.summary, summary)
    log.info("%s", summary)
