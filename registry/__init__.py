"""The registry: the state of Countermark. Tables, the log's single writer, blobs and the use cases over them."""
