//! The command line: `comfrey serve`, `demo`, `import`, `migrate`, `token`, `openapi`.

fn main() {}
