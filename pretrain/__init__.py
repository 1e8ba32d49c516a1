"""Ground floor: from footage to an encoder. No labels anywhere."""
