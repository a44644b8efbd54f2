"""The app: a web page in front of one Animator; `gfla-demo` starts it. Only this package needs gradio.

Imports go down this list: cli, server -> page, api -> tabs -> render -> visitors -> ui.
"""
