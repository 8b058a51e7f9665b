//! The code keeps to its floors.
