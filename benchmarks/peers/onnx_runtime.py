"""ONNX Runtime: one operator a layer, in a graph of its own. It does not train."""

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from benchmarks.machine import cores_allowed
from companion.convert import to_onnx

__all__ = ["OnnxRuntime", "OnnxRuntimeLayer"]

OPSET = 17


class Graph:
    """Nodes and weights, collected and then handed to a session."""

    def __init__(self):
        self.nodes, self.weights = [], []

    def node(self, operator, *inputs, **attributes):
        """Add a node to the graph; what it puts out is called by the name returned."""
        output = f"{operator}-{len(self.nodes)}"
        node = helper.make_node(operator, inputs, [output], **attributes)
        self.nodes.append(node)
        return output

    def weight(self, value):
        name = f"weight-{len(self.weights)}"
        value = np.ascontiguousarray(value)
        self.weights.append(numpy_helper.from_array(value, name))
        return name

    def layer(self, work, directions, xs):
        """A recurrent layer: (T, batch, n_x) -> (T, batch, width)."""
        cell = work.cell
        parts = [to_onnx(cell, ours) for ours in directions]
        W, R, B = (np.stack([getattr(p, name) for p in parts]) for name in "WRB")
        operator = type(cell).__name__
        more = {"linear_before_reset": 1} if operator == "GRU" else {}
        if len(parts) == 2:
            more["direction"] = "bidirectional"
        weights = [self.weight(value) for value in (W, R, B)]
        states = self.node(operator, xs, *weights, hidden_size=work.n_a, **more)
        # (T, directions, batch, n_a): the directions belong beside the features
        beside = self.node("Transpose", states, perm=[0, 2, 1, 3])
        shape = np.array([0, 0, len(parts) * work.n_a])
        return self.node("Reshape", beside, self.weight(shape))

    def session(self, inputs, outputs):
        graph = helper.make_graph(self.nodes, "work", inputs, outputs, self.weights)
        opset = [helper.make_opsetid("", OPSET)]
        # of the format's versions the oldest that has this set of operators
        model = helper.make_model(graph, opset_imports=opset, ir_version=8)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = cores_allowed()
        options.log_severity_level = 3  # its warnings are about devices it lacks
        return onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )


class OnnxRuntime:
    """The headline's model, tokens to loss."""

    name = "ONNX Runtime"
    kinds = ("forward",)

    def __init__(self, work, params, tokens, targets):
        graph, floats = Graph(), TensorProto.FLOAT
        depth = graph.weight(np.array(work.n_y))
        values = graph.weight(np.array([0, 1], np.float32))
        a = graph.node("OneHot", "tokens", depth, values)
        for ours in params.layer:
            a = graph.layer(work, [ours], a)
        W_y, b_y = params.readout
        product = graph.node("MatMul", a, graph.weight(np.asarray(W_y).T))
        logits = graph.node("Add", product, graph.weight(np.asarray(b_y)))
        # the loss wants the classes on its second axis
        classes = graph.node("Transpose", logits, perm=[0, 2, 1])
        loss = graph.node("SoftmaxCrossEntropyLoss", classes, "targets")
        steps = (work.T, work.batch)
        self.outputs = [loss, logits]
        self.session = graph.session(
            [
                helper.make_tensor_value_info(name, TensorProto.INT64, steps)
                for name in ("tokens", "targets")
            ],
            [
                helper.make_tensor_value_info(loss, floats, ()),
                helper.make_tensor_value_info(logits, floats, (*steps, work.n_y)),
            ],
        )
        self.given = {
            "tokens": np.ascontiguousarray(tokens.T, np.int64),
            "targets": np.ascontiguousarray(targets.T, np.int64),
        }

    def forward(self):
        return self.session.run(self.outputs[:1], self.given)[0]

    def answers(self):
        loss, logits = self.session.run(self.outputs, self.given)
        return {"logits": logits.swapaxes(0, 1), "loss": loss}


class OnnxRuntimeLayer:
    name = OnnxRuntime.name
    kinds = ("forward",)
    lacks = ()

    def __init__(self, work, params, xs, d_outputs):
        self.work, self.given, graph = work, {"xs": xs}, Graph()
        outputs = graph.layer(work, work.directions(params), "xs")
        shapes = {"xs": xs.shape, outputs: d_outputs.shape}
        self.session = graph.session(
            *[
                [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)]
                for name, shape in shapes.items()
            ]
        )

    @classmethod
    def does(cls, work):
        return True

    def forward(self):
        return self.session.run(None, self.given)[0]

    def answers(self):
        return {"forward": self.forward()}
