"""nnU-Net's own trainer, ended after a given processor time: what one plans for 1000 epochs does not end on two cores.

Found through nnU-Net's variable ``nnUNet_extTrainer``. Its learning rate falls as (1 - progress)^0.9, as always, but
progress is processor time used. An epoch has few steps so that a training that was cut off loses little.
"""

import json
import os
import time
from pathlib import Path

from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

BUDGET = "PEERS_CPU_SECONDS"
SPENT = "spent.json"


class BudgetTrainer(nnUNetTrainer):
    def __init__(self, plans, configuration, fold, dataset_json, device):  # nnU-Net looks up these names
        super().__init__(plans, configuration, fold, dataset_json, device)
        self.num_iterations_per_epoch, self.num_val_iterations_per_epoch = 5, 1
        self.save_every = 1
        self.budget = float(os.environ.get(BUDGET, "inf"))
        self.spent_file = Path(self.output_folder, SPENT)
        self.before = json.loads(self.spent_file.read_text()) if self.spent_file.exists() else 0.0
        self.start = time.process_time()

    @property
    def spent(self) -> float:
        return self.before + time.process_time() - self.start

    def on_train_epoch_start(self):
        super().on_train_epoch_start()
        rate = self.initial_lr * max(1 - self.spent / self.budget, 0.01) ** 0.9
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    def on_epoch_end(self):
        super().on_epoch_end()
        self.spent_file.write_text(json.dumps(self.spent))
        if self.spent >= self.budget:
            self.num_epochs = self.current_epoch

    def run_training(self):
        self.on_train_start()
        while self.current_epoch < self.num_epochs and self.spent < self.budget:
            self.on_epoch_start()
            self.on_train_epoch_start()
            self.on_train_epoch_end(
                [self.train_step(next(self.dataloader_train)) for _ in range(self.num_iterations_per_epoch)]
            )
            self.on_validation_epoch_start()
            self.on_validation_epoch_end(
                [
                    self.validation_step(next(self.dataloader_val))
                    for _ in range(self.num_val_iterations_per_epoch)
                ]
            )
            self.on_epoch_end()
        self.on_train_end()

    def perform_actual_validation(self, save_probabilities=False):
        """Left out: it would predict the training slices once more, which nothing here asks for."""
