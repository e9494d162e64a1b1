"""The storage beside the database: objects and blobs, files that outlive a power cut, the spool of uploads."""
