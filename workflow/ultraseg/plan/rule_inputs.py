"""What each rule reads: input functions of wildcards for the Snakefile."""

from __future__ import annotations

from dataclasses import astuple

from ultraseg.grid.gaps import Gap, gaps_of
from ultraseg.grid.slabs import shard_file
from ultraseg.ingest.image_source import image_files
from ultraseg.labels.source import LabelSource
from ultraseg.link.edit_file import voxels_of
from ultraseg.plan.plan import Plan

MOST_FITTED = 12  # labelled slices of a structure whose numbering is checked against the image


class Asks:
    """Input functions over one plan; each takes Snakemake's wildcards and returns files."""

    def __init__(self, plan: Plan):
        self.plan = plan

    # ---- arrays
    def array(self, volume: str, array: str, slabs, ndim: int = 3) -> list[str]:
        """Slab files of an array of a volume.

        Not its zarr.json: every job that writes a slab has waited for it, and it would be one file more for Snakemake
        to look after in every job.
        """
        path = f"{self.plan.volumes[volume].folder}/{array}"
        return [shard_file(path, s, ndim) for s in slabs]

    def whole(self, volume: str, array: str, ndim: int = 3) -> list[str]:
        """An array of a volume with its zarr.json."""
        v = self.plan.volumes[volume]
        return [f"{v.folder}/{array}/zarr.json", *self.array(volume, array, v.slabs, ndim)]

    def listed(self, volume: str, array: str, zs, ndim: int = 3) -> list[str]:
        """Files with the slices ``zs`` of an array."""
        depth = self.plan.volumes[volume].slab_depth
        return self.array(volume, array, sorted({z // depth for z in zs}), ndim)

    def image(self, volume: str, start: int, stop: int) -> list[str]:
        """Files with the image slices start <= z < stop at full size."""
        return self.array(volume, "image.zarr/0", self.plan.volumes[volume].slabs_of(start, stop))

    def probability(self, volume: str, network: str, start: int, stop: int) -> list[str]:
        slabs = self.plan.volumes[volume].slabs_of(start, stop)
        return self.array(volume, f"work/probability/{network}", slabs, 4)

    def final(self, volume: str, structure: str, start: int, stop: int) -> list[str]:
        """Files with the final labels of a structure at full size."""
        slabs = self.plan.volumes[volume].slabs_of(start, stop)
        return self.array(volume, f"image.zarr/labels/{structure}/0", slabs)

    # ---- one per rule
    def ingest(self, wc) -> list[str]:
        v = self.plan.volumes[wc.volume]
        return image_files(v.recorded(*v.slab(int(wc.slab))), v.plane_crop)

    def sampled(self, wc) -> list[str]:
        """Files of the slices that the grey-value window is taken from."""
        v = self.plan.volumes[wc.volume]
        return image_files(v.sampled, v.plane_crop)

    def window(self, wc) -> list[str]:
        """The file with the grey-value window, where it is not known from the configuration or the pixel type."""
        v = self.plan.volumes[wc.volume]
        return [f"{v.folder}/work/window.json"] if v.sampled else []

    def quality_references(self, wc) -> dict[int, int | None]:
        """For every slice of a slab that is there the good slice before it, which it is compared with."""
        v = self.plan.volumes[wc.volume]
        zs = [z for z in range(*v.slab(int(wc.slab))) if z not in v.missing]
        return {z: v.stepping.previous(z) for z in zs}

    def quality_slab(self, wc) -> list[str]:
        references = self.quality_references(wc)
        return self.listed(
            wc.volume, "image.zarr/0", [z for z in (*references, *references.values()) if z is not None]
        )

    def label_source(self, wc) -> LabelSource:
        """The labels of a structure, but for corrections that networks must not learn from."""
        v = self.plan.volumes[wc.volume]
        return v.labels_for_training.get(wc.structure, v.labels[wc.structure])

    def labels(self, wc) -> list[str]:
        return self.label_source(wc).files

    def label_uses(self, wc) -> dict[int, str]:
        """What each of these slices serves for."""
        uses = self.plan.uses(wc.structure, wc.volume)
        return {z: uses[z] for z in self.label_source(wc).zs}

    def fitted_slices(self, wc) -> list[int]:
        """The labelled slices that are compared with the image: some, spread evenly."""
        labelled = self.label_source(wc).zs
        step = max(1, -(-len(labelled) // MOST_FITTED))
        return labelled[::step]

    def label_images(self, wc) -> list[str]:
        """Image slabs with these slices and both neighbours of each."""
        files = [f for z in self.fitted_slices(wc) for f in self.image(wc.volume, z - 1, z + 2)]
        return list(dict.fromkeys(files))

    def fits(self, volume: str) -> list[str]:
        """How well the labels of every structure fit the image."""
        v = self.plan.volumes[volume]
        return [f"{v.folder}/work/labels/{s}.fit.csv" for s in self.plan.structures if v.taught(s)]

    def tile_labels(self, wc) -> list[str]:
        net = self.plan.networks[wc.network]
        return [
            f"{self.plan.volumes[v].folder}/work/labels/{s}.h5"
            for v in net.train_on
            for s in net.structures
            if self.plan.volumes[v].taught(s)
        ]

    def tile_images(self, wc) -> list[str]:
        net = self.plan.networks[wc.network]
        files: list[str] = []
        for v in net.train_on:
            for zs in self.plan.contexts(net.name, v).values():
                files += self.listed(v, "image.zarr/0", zs)
        return list(dict.fromkeys(files))

    def predict_window(self, wc) -> tuple[list[int], list[int]]:
        """The slices that a slab's prediction reads, and which prediction each slice of the slab shows."""
        v = self.plan.volumes[wc.volume]
        return v.stepping.window(*v.slab(int(wc.slab)), self.plan.networks[wc.network].z_context)

    def predict(self, wc) -> list[str]:
        return self.listed(wc.volume, "image.zarr/0", self.predict_window(wc)[0])

    def slab_probability(self, wc) -> list[str]:
        network = getattr(wc, "network", None) or self.plan.network_of(wc.structure).name
        return self.probability(wc.volume, network, *self.plan.volumes[wc.volume].slab(int(wc.slab)))

    def all_slabs(self, wc, name: str) -> list[str]:
        """One file per slab of the volume: ``name`` with {slab} in it, in the volume's folder."""
        v = self.plan.volumes[wc.volume]
        return [f"{v.folder}/{name.format(slab=s)}" for s in v.slabs]

    def flow_walk(self, wc) -> list[int]:
        """The good slices of a slab and the next one after it."""
        v = self.plan.volumes[wc.volume]
        return v.stepping.walk(*v.slab(int(wc.slab)), beyond=1)

    def flow(self, wc) -> list[str]:
        return self.listed(wc.volume, "image.zarr/0", self.flow_walk(wc))

    def gap_range(self, wc) -> tuple[int, int]:
        """First slice of a gap and the one after its last."""
        gap = self._gap(wc)
        return gap.first, gap.last + 1

    def gap_walk(self, wc) -> list[int]:
        """The good slices of a gap."""
        return self.plan.volumes[wc.volume].stepping.good_in(*self.gap_range(wc))

    def gap_images(self, wc) -> list[str]:
        return self.listed(wc.volume, "image.zarr/0", self.gap_walk(wc))

    def gap_probability(self, wc) -> list[str]:
        network = self.plan.network_of(self.plan.cells).name
        return self.listed(wc.volume, f"work/probability/{network}", self.gap_walk(wc), 4)

    def gap_flow(self, wc) -> list[str]:
        walk = self.gap_walk(wc)
        return self.listed(wc.volume, "work/flow", walk[:-1] or walk, 4)

    def carried_ends(self, wc) -> dict[str, list[str]]:
        """What neighbouring gaps carried to the ends of a gap that may be labelled in part: 'up' and 'down'.

        With a wildcard ``direction``, only what is carried on in this direction.
        """
        v, gap = self.plan.volumes[wc.volume], self._gap(wc)
        found: dict[str, list[str]] = {"up": [], "down": []}
        if not v.labels[self.plan.cells].partial:
            return found
        wanted = getattr(wc, "direction", None)
        for other in self.plan.gaps(wc.volume):
            reaches_first = gap.first_given and other.first_given and other.last == gap.first
            reaches_last = gap.last_given and other.last_given and other.first == gap.last
            for direction, reaches in (("up", reaches_first), ("down", reaches_last)):
                if reaches and wanted in (None, direction):
                    found[direction].append(f"{v.folder}/work/carried/{other.name}.{direction}.h5")
        return found

    def carried_up(self, wc) -> list[str]:
        return self.carried_ends(wc)["up"]

    def carried_down(self, wc) -> list[str]:
        return self.carried_ends(wc)["down"]

    def _gap(self, wc) -> Gap:
        return self.plan.gap(wc.volume, wc.gap)

    def gaps_of_slab(self, wc) -> list[Gap]:
        """The gaps that hold the slices of a slab; two of them share a labelled slice."""
        return gaps_of(self.plan.gaps(wc.volume), *self.plan.volumes[wc.volume].slab(int(wc.slab)))

    def slab_gaps(self, wc) -> list[str]:
        folder = self.plan.volumes[wc.volume].folder
        return [f"{folder}/work/propagated/{gap.name}.h5" for gap in self.gaps_of_slab(wc)]

    def cells_probability(self, wc) -> list[str]:
        network = self.plan.network_of(self.plan.cells).name
        return self.probability(wc.volume, network, *self.plan.volumes[wc.volume].slab(int(wc.slab)))

    def cell_labels(self, wc) -> list[str]:
        """The checked cell labels of a volume that has any."""
        v = self.plan.volumes[wc.volume]
        return [v.label_file(self.plan.cells)] if self.plan.cells in v.labels else []

    def cell_edits(self, wc) -> list[tuple]:
        """The user's edits of cells as plain values."""
        return [astuple(edit) for edit in self.plan.volumes[wc.volume].cell_edits]

    def edited_voxels(self, wc) -> list[tuple[int, ...]]:
        """Voxels that these edits name: z, y, x, and the good slice whose cells z shows."""
        v = self.plan.volumes[wc.volume]
        return [(*voxel, v.stepping.stand_in(voxel[0])) for voxel in voxels_of(v.cell_edits)]

    def edited_pieces(self, wc) -> list[str]:
        return self.listed(wc.volume, "work/pieces", [shown for *_, shown in self.edited_voxels(wc)])

    def edges_walk(self, wc) -> list[int]:
        """The good slices of a slab and those after it that its links reach."""
        v = self.plan.volumes[wc.volume]
        return v.stepping.walk(*v.slab(int(wc.slab)), beyond=1 + self.plan.config["link"]["max_gap"])

    def edges(self, wc) -> list[str]:
        return self.listed(wc.volume, "work/pieces", self.edges_walk(wc))

    def edges_flow(self, wc) -> list[str]:
        walk = self.edges_walk(wc)
        return self.listed(wc.volume, "work/flow", walk[:-1] or walk, 4)

    def slab_stand_ins(self, wc) -> list[int]:
        """For every slice of a slab the good slice whose cells it shows."""
        v = self.plan.volumes[wc.volume]
        return v.stepping.stand_ins(*v.slab(int(wc.slab)))

    def slab_pieces(self, wc) -> list[str]:
        return self.listed(wc.volume, "work/pieces", self.slab_stand_ins(wc))

    def measure_slab(self, wc) -> list[str]:
        start, stop = self.plan.volumes[wc.volume].slab(int(wc.slab))
        return [
            f for s in self.plan.structures_in(wc.volume) for f in self.final(wc.volume, s, start, stop + 1)
        ]

    def all_final(self, wc) -> list[str]:
        v = self.plan.volumes[wc.volume]
        return [
            f for s in self.plan.structures_in(wc.volume) for f in self.final(wc.volume, s, 0, v.n_slices)
        ]

    def link_tables(self, wc) -> dict[str, str | list[str]]:
        """Results of linking that the tables need, and the pieces; none without cells."""
        if not self.plan.has_cells(wc.volume):
            return {}
        v = self.plan.volumes[wc.volume]
        found = {name: f"{v.folder}/work/link/{name}.parquet" for name in ("nodes", "protrusions")}
        return found | {"pieces": self.array(wc.volume, "work/pieces", v.slabs)}

    def measured_level(self, wc) -> dict[str, list[str]]:
        """Cells and nuclei at the pyramid level that distances are measured on, as far as there are any."""
        v, found = self.plan.volumes[wc.volume], {}
        for role, structure in self.plan.containers_in(wc.volume).items():
            if structure:
                array = f"image.zarr/labels/{structure}/{v.measure_level}"
                found[f"coarse_{role}"] = self.array(wc.volume, array, v.slabs)
        return found

    def cell_in_3d(self, wc) -> dict[str, str | list[str]]:
        """What the view of one cell reads: all structures at one level, pieces and nodes; nothing without cells."""
        if not self.plan.has_cells(wc.volume):
            return {}
        v = self.plan.volumes[wc.volume]
        labels = [
            file
            for s in self.plan.structures_in(wc.volume)
            for file in self.array(wc.volume, f"image.zarr/labels/{s}/{v.measure_level}", v.slabs)
        ]
        pieces = self.array(wc.volume, "work/pieces", v.slabs)
        return {"labels": labels, "pieces": pieces, "nodes": f"{v.folder}/work/link/nodes.parquet"}

    def device_records(self, volume: str) -> list[str]:
        """What each slab of a volume was predicted on, by each network that is applied to it."""
        v = self.plan.volumes[volume]
        networks = [name for name, network in self.plan.networks.items() if volume in network.apply_to]
        return [f"{v.folder}/work/devices/{name}/{slab}.json" for name in networks for slab in v.slabs]

    def given_labels(self, wc) -> list[str]:
        v = self.plan.volumes[wc.volume]
        return [v.label_file(s) for s in self.plan.structures_in(wc.volume) if s in v.labels]

    def coverage(self, wc) -> list[str]:
        return [file.replace(".h5", ".csv") for file in self.given_labels(wc)]

    def truth(self, wc) -> list[str]:
        v = self.plan.volumes[wc.volume]
        known = {*self.plan.structures_in(wc.volume), "protrusions"}
        return [file for s, source in v.truth.items() if s in known for file in source.files]

    def left_out(self, wc) -> list[str]:
        if not self.plan.has_cells(wc.volume):
            return []
        folder = self.plan.volumes[wc.volume].folder
        return [f"{folder}/work/propagated/{gap.name}.h5" for gap in self.plan.left_out(wc.volume).values()]

    def smallest_cells(self, wc) -> list[str]:
        """Files of the pyramid level that the 3D view shows."""
        level = self.plan.volumes[wc.volume].view_level
        structures = self.plan.structures_in(wc.volume)
        if not structures:
            return []
        shown = self.plan.cells if self.plan.has_cells(wc.volume) else structures[0]
        return self.array(wc.volume, f"image.zarr/labels/{shown}/{level}", self.plan.volumes[wc.volume].slabs)

    def whole_image(self, volume: str) -> list[str]:
        """Everything that makes the image and its labels readable as one OME-Zarr."""
        v = self.plan.volumes[volume]
        groups = ["image.zarr", "image.zarr/labels"]
        groups += [f"image.zarr/labels/{s}" for s in self.plan.structures_in(volume)]
        files = [f"{v.folder}/{group}/zarr.json" for group in groups]
        for group in ("image.zarr", *groups[2:]):
            for level in range(self.plan.config["pyramid_levels"]):
                files += self.whole(volume, f"{group}/{level}")
        return files

    def whole_work(self, volume: str) -> list[str]:
        """Every intermediate slab and gap: Snakemake makes a deleted one again only where something asks for it."""
        v, files = self.plan.volumes[volume], self.fits(volume)
        for name, network in self.plan.networks.items():
            if volume in network.apply_to:
                files += self.whole(volume, f"work/probability/{name}", 4)
        if self.plan.has_cells(volume):
            files += self.whole(volume, "work/flow", 4) + self.whole(volume, "work/pieces")
            files += [f"{v.folder}/work/propagated/{gap.name}.h5" for gap in self.plan.gaps(volume)]
        return files
