"""PyTorch eager: `torch.nn.LSTM` with all layers in one call, time first."""

import numpy as np
import torch

from benchmarks.layer import only_candidate
from benchmarks.machine import cores_allowed
from companion.convert import from_torch, to_torch
from companion.models import ModelParams, ReadoutParams

__all__ = ["PyTorch", "PyTorchLayer"]

NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


class PyTorch:
    name = "PyTorch eager"
    kinds = ("train", "forward")

    def __init__(self, work, params, tokens, targets):
        torch.set_num_threads(cores_allowed())
        self.work = work
        self.tokens, self.targets = (
            torch.from_numpy(ids.T.astype(np.int64)) for ids in (tokens, targets)
        )
        self.layers = torch.nn.LSTM(work.n_y, work.n_a, work.depth)
        self.readout = torch.nn.Linear(work.n_a, work.n_y)
        with torch.no_grad():
            for number, ours in enumerate(params.layer):
                values = to_torch(work.cell, ours)
                for name, value in zip(NAMES, values, strict=True):
                    getattr(self.layers, f"{name}_l{number}").copy_(tensor(value))
            self.readout.weight.copy_(tensor(params.readout.W_y))
            self.readout.bias.copy_(tensor(params.readout.b_y))
        for number in range(work.depth):
            # PyTorch has two biases where one does: training both would double its step
            getattr(self.layers, f"bias_hh_l{number}").requires_grad_(False)
        self.parameters = [
            p
            for p in (*self.layers.parameters(), *self.readout.parameters())
            if p.requires_grad
        ]
        self.optimizer = torch.optim.SGD(self.parameters, lr=work.learning_rate)

    def run(self):
        x = torch.nn.functional.one_hot(self.tokens, self.work.n_y).float()
        return self.readout(self.layers(x)[0])

    def loss_of(self, logits):
        return torch.nn.functional.cross_entropy(
            logits.flatten(0, 1), self.targets.flatten()
        )

    def forward(self):
        with torch.inference_mode():
            return self.loss_of(self.run())

    def train(self):
        self.optimizer.zero_grad()
        value = self.loss_of(self.run())
        value.backward()
        self.optimizer.step()
        return value.detach()

    def answers(self):
        self.optimizer.zero_grad()
        logits = self.run()
        value = self.loss_of(logits)
        value.backward()
        gradients = self.collect(lambda p: p.grad)
        logits = logits.detach().numpy().swapaxes(0, 1)
        return {"logits": logits, "loss": value.detach(), "gradient": gradients}

    def weights(self):
        return self.collect(lambda p: p.detach())

    def collect(self, read):
        """What `read` takes from each parameter, in the layout of `companion`."""

        def array(parameter):
            return read(parameter).numpy().copy()

        layers = []
        for number in range(self.work.depth):
            ours = [
                array(getattr(self.layers, f"{name}_l{number}"))
                for name in NAMES
                if name != "bias_hh"  # starts at zero and stays there
            ]
            layers.append(from_torch(self.work.cell, *ours))
        readout = ReadoutParams(array(self.readout.weight), array(self.readout.bias))
        return ModelParams(tuple(layers), readout)


class PyTorchLayer:
    name = PyTorch.name
    kinds = ("train", "forward")
    lacks = ()

    def __init__(self, work, params, xs, d_outputs):
        torch.set_num_threads(cores_allowed())
        self.work = work
        self.xs, self.d_outputs = tensor(xs), tensor(d_outputs)
        kind = getattr(torch.nn, work.kind)
        self.layer = kind(work.n_x, work.n_a, bidirectional=work.both_ways)
        self.endings = ("_l0", "_l0_reverse")[: 1 + work.both_ways]
        for ending, ours in zip(self.endings, work.directions(params), strict=True):
            for name, value in zip(NAMES, to_torch(work.cell, ours), strict=True):
                getattr(self.layer, name + ending).data.copy_(tensor(value))
            # of two biases that only count as a sum, one is enough; a GRU's do not
            second = getattr(self.layer, "bias_hh" + ending)
            second.requires_grad_(work.kind == "GRU")

    @classmethod
    def does(cls, work):
        return True

    def forward(self):
        with torch.inference_mode():
            return self.layer(self.xs)[0]

    def train(self):
        self.layer.zero_grad()
        outputs = self.layer(self.xs)[0]
        outputs.backward(self.d_outputs)
        return outputs

    def compiled(self):
        """The training step as one call; nobody plans its memory beforehand."""
        return self.train, None

    def answers(self):
        outputs = self.train().detach().numpy()
        directions = []
        for ending in self.endings:
            arrays = [
                parameter.grad.numpy()
                for name in NAMES
                if (parameter := getattr(self.layer, name + ending)).requires_grad
            ]
            if self.work.kind == "GRU":
                arrays[3] = only_candidate(arrays[3])
            directions.append(from_torch(self.work.cell, *arrays))
        return {
            "outputs": outputs,
            "forward": self.forward().numpy(),
            "gradient": self.work.together(directions),
        }


def tensor(array):
    return torch.tensor(np.array(array))  # a copy: torch wants a writable array
