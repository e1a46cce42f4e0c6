"""What every domain stands on: settings, database, queue, jobs, errors, keys, blobs and the web's ground rules."""
