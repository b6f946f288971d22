"""Serves a file of `wavspa export --output model.onnx` without PyTorch: python serve_onnx.py model.onnx 5 3 8."""

import json
import sys

import numpy
import onnxruntime

session = onnxruntime.InferenceSession(sys.argv[1])
facts = json.loads(session.get_modelmeta().custom_metadata_map["wavspa"])
tokens = numpy.array([[int(token) for token in sys.argv[2:]]])
space = ((0, 0), (0, facts["length"] - tokens.shape[1]))
(logits,) = session.run(None, {"tokens": numpy.pad(tokens, space), "mask": numpy.pad(tokens >= 0, space)})
names = facts["class_names"] or range(logits.shape[-1])
print([names[answer] for answer in numpy.atleast_1d(logits[0].argmax(-1))])
