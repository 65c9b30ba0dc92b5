//! `completions` and `man`: what a shell and its reader want to know of the verbs.

use std::{fs, path::PathBuf};

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::{Cli, failure::Failure, output::Output};

/// What the program is called.
const NAME: &str = "judgement-ledger";

/// What `completions --help` says at its end.
pub(super) const AFTER_HELP: &str = "\
For the shell that runs now:
  bash   source <(judgement-ledger completions bash)
  zsh    source <(judgement-ledger completions zsh)
  fish   judgement-ledger completions fish | source

For good:
  bash   judgement-ledger completions bash > ~/.local/share/bash-completion/completions/judgement-ledger
  zsh    judgement-ledger completions zsh > DIR/_judgement-ledger, where DIR is in $fpath
  fish   judgement-ledger completions fish > ~/.config/fish/completions/judgement-ledger.fish";

/// What `man --help` says at its end.
pub(super) const MAN_AFTER_HELP: &str = "\
For yourself:
  judgement-ledger man --out ~/.local/share/man/man1 && man judgement-ledger-serve";

/// What `completions` is told.
#[derive(Debug, Clone, Args)]
pub struct CompletionsFlags {
    /// For which shell.
    #[arg(value_name = "SHELL")]
    pub shell: Shell,
}

/// What `man` is told.
#[derive(Debug, Clone, Args)]
pub struct ManFlags {
    /// The directory to write into, a page for each verb; it is made if it is not there.
    #[arg(long, value_name = "DIR", env = "JUDGEMENT_LEDGER_MAN_OUT")]
    pub out: PathBuf,
}

/// Prints the script.
pub(super) fn completions(flags: &CompletionsFlags, output: &mut Output) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(flags.shell, &mut Cli::command(), NAME, &mut script);
    output.write(&script)
}

/// Writes the pages.
pub(super) fn man(flags: &ManFlags, output: &mut Output) -> Result<(), Failure> {
    let failed = |source| Failure::File { doing: "write", path: flags.out.clone(), source };
    fs::create_dir_all(&flags.out).map_err(failed)?;
    clap_mangen::generate_to(Cli::command().name(NAME), &flags.out).map_err(failed)?;
    let verbs = Cli::command().get_subcommands().count();
    output.line(&format!(
        "the pages of {NAME} and of its {verbs} verbs are in {}",
        flags.out.display()
    ))
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;

    #[test]
    fn every_verb_has_a_page_and_a_completion_in_every_shell() {
        let home = tempfile::tempdir().unwrap();
        let flags = ManFlags { out: home.path().join("man1") };
        man(&flags, &mut Output::stdout()).unwrap();
        let verbs: Vec<_> =
            Cli::command().get_subcommands().map(|it| it.get_name().to_owned()).collect();
        assert!(verbs.len() > 25, "{verbs:?}");
        for verb in &verbs {
            let page = fs::read_to_string(flags.out.join(format!("{NAME}-{verb}.1")));
            let page = page.unwrap_or_else(|error| panic!("{verb}: {error}"));
            assert!(page.contains(".SH OPTIONS"), "{verb}: {page}");
        }
        for shell in Shell::value_variants() {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), NAME, &mut script);
            let script = String::from_utf8(script).unwrap();
            for verb in &verbs {
                assert!(script.contains(verb.as_str()), "{shell} does not know {verb}");
            }
        }
    }
}
