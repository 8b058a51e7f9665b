//! gRPC: rows D of the list of attacks.
