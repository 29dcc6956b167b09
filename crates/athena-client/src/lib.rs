//! athena-client
