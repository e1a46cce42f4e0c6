"""Everything that makes programs run and keeps them so: parts, `winnow up`, the embedded servers, limits, signs of life."""
