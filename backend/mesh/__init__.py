"""The mesh's books: receipts read and checked, sessions judged, trust told (docs/mesh.md). Pure."""
