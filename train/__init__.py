"""gfla.train"""
