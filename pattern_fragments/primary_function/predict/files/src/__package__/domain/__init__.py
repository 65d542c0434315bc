"""What this service predicts and from what: the one folder that belongs to the team.

- asking.py    when a prediction is asked for
- data.py      where examples and events come from (training only)
- features.py  inputs and features, for training and serving alike
- model.py     how a model is fitted and turned into ONNX (training only)
- CARD*.md     what the model is for and what it is not for, part of the model card
"""
