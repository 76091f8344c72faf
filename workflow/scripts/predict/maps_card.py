"""Find the range of numbers of maps from elsewhere, and write the card in place of that of a network."""

from ultraseg.jobs.predict import MapsCard
from ultraseg.networks.card import write_card
from ultraseg.predict.take_maps import maps_card
from ultraseg.run.job import job

with job(snakemake, MapsCard) as (spec, log):
    write_card(snakemake.output[0], maps_card(spec.about, spec.maps, spec.thresholded))
