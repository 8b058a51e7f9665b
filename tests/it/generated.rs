//! The generated code is what the proto says.
