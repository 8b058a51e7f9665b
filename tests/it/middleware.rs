//! Middleware and routing: rows C, readiness, the defects of others.
