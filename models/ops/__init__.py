"""gfla.models.ops"""
