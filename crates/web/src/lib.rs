//! The HTTP side of `owlet up`: the GraphQL API that Bolt's clients speak, the JSON API of our own, live logs, metrics, health.
