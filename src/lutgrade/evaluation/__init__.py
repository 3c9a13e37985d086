"""Tables of results: predicted once, scored per frame, summarised with intervals, beside a paper's numbers."""
