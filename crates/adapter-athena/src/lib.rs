//! adapter-athena
