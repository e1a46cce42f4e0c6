"""Everything that speaks HTTP for all domains: the server's front, routes and bodies, keys and guards, problems, pages."""
