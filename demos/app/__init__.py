"""The app: a page in front of one Animator, a tab a file; `gfla-demo` starts it and alone imports gradio."""
