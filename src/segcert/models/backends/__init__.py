"""The same network run by other programs, or in other arithmetic: a choice that is recorded.

Here are compiled networks, ONNX Runtime, OpenVINO and its int8, and the choice of the fastest. A
backend is part of the model that is certified, so it is fixed before the draws, never by the input.
The programs are optional: each is imported when it is asked for.
"""
