"""`python -m ultraseg.phantom` writes a phantom."""

from ultraseg.phantom.volume import main

main()
