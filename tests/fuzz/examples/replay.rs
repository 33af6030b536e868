// SPDX-License-Identifier: GPL-2.0

//! Plays inputs of the fuzzer once, without the fuzzer: a file step by step, a folder in short.
//!
//! A folder must reach every milestone, so that agreement means something.

use ssif_bmc_fuzz::{replay, Reached};
use std::{env, fs, path::Path, process::ExitCode};

fn main() -> ExitCode {
    let Some(path) = env::args_os().nth(1) else {
        eprintln!("usage: replay FILE | replay FOLDER");
        return ExitCode::FAILURE;
    };
    let path = Path::new(&path);
    let result = if path.is_dir() {
        play_folder(path)
    } else {
        fs::read(path).map(|input| {
            replay(&input, true);
            println!("all as it should be");
            true
        })
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {}: {error}", path.display());
            ExitCode::FAILURE
        }
    }
}

fn play_folder(folder: &Path) -> std::io::Result<bool> {
    let mut reached = Reached::default();
    let mut files: Vec<_> = fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.sort();

    let mut failed = 0;
    for file in &files {
        let input = fs::read(file)?;
        match std::panic::catch_unwind(|| replay(&input, false)) {
            Ok(found) => reached.add(&found),
            Err(_) => {
                println!("failed: {}", file.display());
                failed += 1;
            }
        }
    }

    let mut missed = 0;
    for (what, count) in reached.milestones() {
        println!("{count:6} {what}");
        missed += usize::from(count == 0);
    }
    println!(
        "{} inputs played, {failed} failed, {missed} milestones missed; {} pairs of state and event",
        files.len(),
        reached.pairs()
    );
    Ok(failed == 0 && missed == 0)
}
