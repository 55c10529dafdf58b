"""The life of one request: admit, plan, dispatch, stream, settle."""
