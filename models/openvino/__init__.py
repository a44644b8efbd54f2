"""The generator computed by OpenVINO, in float32, bfloat16 or eight bits."""
