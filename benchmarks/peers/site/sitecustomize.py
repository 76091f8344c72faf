"""Read by every Python of a method's environment when it starts.

A torchvision for CUDA beside a torch for the processor lacks compiled operators, which it describes when it is
imported. No method here needs them.
"""

import sys
from types import ModuleType

sys.modules.setdefault("torchvision._meta_registrations", ModuleType("torchvision._meta_registrations"))
