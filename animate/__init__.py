"""gfla.animate"""
