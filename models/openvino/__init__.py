"""The network computed by OpenVINO, in float32 or in eight bits."""
