"""gfla.demos"""
