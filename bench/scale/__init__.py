"""How the search grows: registrations that enter as rows, and the time, memory and recall of a search among them."""
