"""gfla.animate.cli"""
