"""Who phantom people are and what they do: pain and its expression, behaviour, ratings, signals."""
