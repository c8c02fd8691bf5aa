//! The `pareto` program: hands its arguments to [`pareto_server::cli`] and its answer to the operating system.
//!
//! mimalloc is the allocator, because a query frees most of its memory on another thread than the one that took it.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    pareto_server::cli::main()
}
