"""The graph autoencoder of Kipf and Welling (2016): codes whose inner products say who is joined to whom.

The baseline of masked graph autoencoders, with their encoder in place of its own.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody knows

from selfcue.learners.offline.data.graph_data import GraphData
from selfcue.learners.offline.graph.graphmae import Autoencoder, GraphMAE, GraphMAEConfig, Prepared
from selfcue.learners.offline.randomness import Randomness


def gae_vectors(data: GraphData, config: GraphMAEConfig, seed: int) -> npt.NDArray[np.float32]:
    """Return the vectors (N, hidden) of GraphMAE's encoder trained to tell edges from as many random pairs."""
    method = GraphMAE(config)
    method.facts = method.sizes(data)
    random = Randomness(seed)
    with random.hold("cpu"):
        net = method.build(method.facts)
        prepared = method.prepare(data, "cpu", random.numpy)
        optimiser = method.optimiser(net)
        pairs = torch.from_numpy(data.edge_index[:, data.edge_index[0] < data.edge_index[1]])
        for _ in range(config.epochs):
            z = _codes(net, prepared, config)
            others = torch.from_numpy(random.numpy.integers(0, data.n_nodes, tuple(pairs.shape)))
            joined, apart = ((z[p[0]] * z[p[1]]).sum(1) for p in (pairs, others))
            loss = F.softplus(-joined).mean() + F.softplus(apart).mean()
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
    method.net = net.eval()
    return method.transform(data)


def _codes(net: Autoencoder, prepared: Prepared, config: GraphMAEConfig) -> torch.Tensor:
    x = prepared.x.dropout(config.input_dropout)
    return net.encode(net.first.project(x), prepared.edges)
