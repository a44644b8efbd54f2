"""gfla.models"""
