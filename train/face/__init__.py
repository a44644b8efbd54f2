"""The face tracker and the small face model, trained and measured."""
