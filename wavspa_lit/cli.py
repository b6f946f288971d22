"""The command line: `wavspa fit|validate|test|predict|describe`; `__main__.py` holds the rest of it."""

import atexit
import os
import re
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import jsonargparse
import torch
from lightning import Trainer
from lightning.fabric.plugins.environments import SLURMEnvironment
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from lightning.pytorch.utilities.rank_zero import rank_zero_info

# So that classes can be given by name alone.
import datamodules.files.module
import datamodules.lra
import datamodules.reasoning  # noqa: F401
import wavspa_lit.tasks  # noqa: F401
from datamodules import SequenceDataModule
from datamodules.errors import DataError
from datamodules.workers import end_with_parent
from wavspa_lit import __version__
from wavspa_lit.arguments import EXAMPLES, add_arguments, configs_first, loggers_below, option
from wavspa_lit.callbacks import Compilation, SaveRunConfig
from wavspa_lit.choices import imports
from wavspa_lit.console import ArgumentParser, ConfigFile, HelpFormatter, quieten
from wavspa_lit.errors import LengthError
from wavspa_lit.files import name, unwritable, writable
from wavspa_lit.private import known_classes_only
from wavspa_lit.refusals import OF_FILES, OF_OPTIONS, OF_RUNS, Refusal, first, last_of, of_arguments
from wavspa_lit.renamed import renamed_flags
from wavspa_lit.reporting.describe import describe, global_batch
from wavspa_lit.reporting.runs import RUNS, config_of, evaluations_of, latest_run, names_of, new_run, run_of
from wavspa_lit.reporting.settings import differences
from wavspa_lit.shutdown import close_process_group
from wavspa_lit.speed import against_graphs, choose_speed
from wavspa_lit.tasks import Task
from wavspa_lit.tasks.transfer import CheckpointError, init_from, read_checkpoint
from wavspa_lit.training import as_list, build_trainer

HELP = re.compile(r"-h|--help|--help_all|--[\w.]+\.help(=.*)?")


class WavspaCLI(LightningCLI):
    """LightningCLI with run directories, best and last checkpoints, and tests that need only a checkpoint."""

    def __init__(self, args: list[str] | None = None, *, describing: bool = False) -> None:
        self.describing, self.trusting = describing, True
        helping = any(HELP.fullmatch(argument) for argument in (sys.argv[1:] if args is None else args))
        # Reading what docstrings say of the fields of dataclasses takes time.
        jsonargparse.set_parsing_settings(
            omegaconf_absolute_to_relative_paths=True, docstring_parse_attribute_docstrings=helping
        )
        super().__init__(
            Task,
            SequenceDataModule,
            subclass_mode_model=True,
            subclass_mode_data=True,
            seed_everything_default=0,
            auto_configure_optimizers=False,
            parser_kwargs={"parser_mode": "omegaconf+", "version": __version__},
            args=args,
        )

    def init_parser(self, **kwargs: Any) -> LightningArgumentParser:
        """Builds a parser with short errors and `-c` for a config file."""
        kwargs.setdefault("dump_header", [f"wavspa_lit=={__version__}"])
        parser = ArgumentParser(formatter_class=HelpFormatter, **kwargs)
        parser.add_argument(
            "-c",
            "--config",
            action=ConfigFile,
            help="Configuration file, or a name of `wavspa list configs`; later ones override.",
        )
        return parser

    def _prepare_subcommand_parser(self, klass: type, subcommand: str, **kwargs: Any) -> LightningArgumentParser:
        parser = super()._prepare_subcommand_parser(klass, subcommand, epilog=EXAMPLES.get(subcommand), **kwargs)
        cast(ArgumentParser, parser).command = "describe" if self.describing else subcommand
        return parser

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Adds what Lightning does not have."""
        add_arguments(parser)

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """Reads the config beside the checkpoint when a checkpoint is given without a config."""
        arguments = loggers_below(configs_first(renamed_flags(sys.argv[1:] if args is None else args)))
        if refusal := of_arguments(arguments):
            parser.error(refusal)
        run, checkpoint = option(arguments, "--run"), option(arguments, "--ckpt_path")
        if "--resume" in arguments and run:
            checkpoint = last_of(run)
            arguments += ["--ckpt_path", checkpoint]
        if any(option(arguments, name) for name in ("-c", "--config")):
            super().parse_arguments(parser, arguments)
            return
        if checkpoint:
            arguments[1:1] = ["--config", str(config_of(checkpoint))]
        self.trusting = not checkpoint or "--trust" in arguments
        with known_classes_only(not self.trusting):
            super().parse_arguments(parser, arguments)

    def _parse_ckpt_path(self) -> None:
        """Lightning would lay the checkpoint's hyper-parameters over the flags; here flags win."""

    def before_instantiate_classes(self) -> None:
        """Refuses to evaluate random weights, and to write into another run's directory."""
        config = self.config[self.subcommand]
        parser = self._parser(self.subcommand)
        self._refuse(OF_OPTIONS)
        if config.resume and not config.ckpt_path:
            run = latest_run(*names_of(config.as_dict()))
            if run is None or not Path(last_of(run)).is_file():
                parser.error(f"--resume: no last.ckpt in {run or 'runs'}; start without --resume, or give --run DIR")
            config.ckpt_path = last_of(run)
        self._refuse(OF_FILES)
        if self.describing:
            self._place(config, parser)
            return
        self._refuse(OF_RUNS)
        if self.subcommand == "predict":  # rows are written in order, by one process
            config.trainer.devices, config.trainer.num_nodes, config.trainer.strategy = 1, 1, "auto"
        self._place(config, parser)

    def _refuse(self, refusals: tuple[Refusal, ...]) -> None:
        if line := first(refusals, str(self.subcommand), self.config[self.subcommand]):
            self._parser(self.subcommand).error(line)

    def _place(self, config: jsonargparse.Namespace, parser: LightningArgumentParser) -> None:
        """Decides on the run directory, and puts below it what loggers write to relative folders."""
        self.saved_config, self.run_directory = config.clone(), self._run_directory(config)
        if config.get("output") and not writable(Path(config.output).parent):
            parser.error(f"--output {config.output} cannot be written: give another place, or make room there")
        if self.subcommand != "fit" and not writable(self.run_directory):
            if self.subcommand == "predict" and not config.output:
                parser.error(f"--output FILE is needed: {self.run_directory} cannot be written")
            config.trainer.logger = False
        for logger in as_list(config.trainer.logger):
            if isinstance(logger, jsonargparse.Namespace) and logger.init_args.get("save_dir") is not None:
                logger.init_args.save_dir = str(self.run_directory / logger.init_args.save_dir)

    def instantiate_classes(self) -> None:
        """Reports what the configs refuse as errors of the command line."""
        config = self.config[self.subcommand]
        if config.ckpt_path:
            self._take_schema(config)
        try:
            with imports(self.trusting):
                super().instantiate_classes()
            if self.subcommand == "fit" and config.init_from and not config.ckpt_path:
                print(init_from(self.model, config.init_from))
        except CheckpointError as error:
            self._parser(self.subcommand).error(str(error))
        except (ValueError, MisconfigurationException) as error:
            # The parser wraps the message in the types it tried; what the constructor said is at the bottom.
            cause: BaseException = error
            while not isinstance(cause, DataError):
                below = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
                if below is None:
                    break
                cause = below
            if isinstance(cause, DataError):  # what that came from does not name the file
                raise cause from None
            self._parser(self.subcommand).error(str(cause))
        if config.inputs:
            self.datamodule.read_inputs(config.inputs)
        self.datamodule.other_data = config.other_data
        if config.ckpt_path and not self.describing:  # now, before data are generated that are not the checkpoint's
            saved = read_checkpoint(config.ckpt_path, mmap=True)
            self.datamodule.load_state_dict(saved.get(type(self.datamodule).__qualname__, {}))
        if config.speed == "graphs" and not self.datamodule.few_lengths:
            self._parser(self.subcommand).error(
                "--speed graphs records a graph for each length of a batch, and these batches may have any: "
                "give --data.padding bucket or max where there is one, or --speed compile"
            )

    def _take_schema(self, config: jsonargparse.Namespace) -> None:
        """Gives data of the user's own the vocabulary and the classes of the checkpoint, whose model knows these."""
        options = config.data.get("init_args") or {}
        if "schema" in options and options["schema"] is None:
            saved = read_checkpoint(config.ckpt_path, mmap=True)
            name = config.data.class_path.split(".")[-1]
            config.data.init_args.schema = saved.get(name, {}).get("schema")

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """Builds the trainer of the parsed options, with the run directory."""
        config, parser = self.config[self.subcommand], self._parser(self.subcommand)
        options = {**self._get(self.config_init, "trainer"), **kwargs}
        del options["default_root_dir"]  # the run directory takes its place
        callbacks, evaluates = as_list(options.pop("callbacks")), self.subcommand in ("validate", "test")
        on_gpu = torch.cuda.is_available() and config.trainer.accelerator in ("auto", "gpu", "cuda")
        self.speed, reason = choose_speed(
            config.speed,
            on_gpu=on_gpu,
            training=self.subcommand == "fit",
            few_lengths=self.datamodule.few_lengths,
            against_graphs=against_graphs(config),
        )
        if on_gpu and options["precision"] is None and torch.cuda.is_bf16_supported(including_emulation=False):
            options["precision"] = "bf16-mixed"
        if on_gpu and not self.describing:
            rank_zero_info(f"--speed {self.speed}: {reason}; --trainer.precision {options['precision'] or '32-true'}")
        if self.speed != "eager":
            callbacks.append(Compilation(self.speed))
        if not options["fast_dev_run"]:
            callbacks.append(SaveRunConfig(parser, self.saved_config))
        checkpoints = [self._get(self.config_init, name) for name in parser.callback_keys]
        return build_trainer(
            self.run_directory,
            callbacks=callbacks,
            checkpoints=checkpoints,
            output=config.output,
            changed=differences(config_of(config.ckpt_path), self.saved_config.as_dict()) if evaluates else "",
            **options,
        )

    def _run_subcommand(self, subcommand: str) -> None:
        if not self.describing:
            try:
                super()._run_subcommand(subcommand)
            except OSError as error:
                if unwritable(error):
                    name(error, self.run_directory)
                raise
            return
        config = self.config[subcommand]
        print(describe(self.model, config.length or self.datamodule.trained_length))
        print(global_batch(self.datamodule.batch_size, self.trainer))

    def _run_directory(self, config: jsonargparse.Namespace) -> Path:
        if config.run:
            return Path(config.run)
        if config.get("ckpt_path"):
            run = run_of(config.ckpt_path)
            folder = run if self.subcommand == "fit" else evaluations_of(run)
            if folder != run:
                rank_zero_info(f"{os.path.relpath(run)} ships: results go to {folder}; --run DIR keeps them elsewhere")
            return folder
        task, model = names_of(config.as_dict())
        if self.describing or config.trainer.fast_dev_run:
            return RUNS / task / model  # nothing is written there
        # Ranks that Lightning launches inherit the choice of the first.
        if "WAVSPA_RUN" not in os.environ:
            slurm = SLURMEnvironment.detect() and int(os.environ["SLURM_NTASKS"]) > 1
            if slurm or int(os.environ.get("WORLD_SIZE", 1)) > 1:
                self._parser("fit").error("--run DIR is needed: processes that others start cannot agree on a name")
            os.environ["WAVSPA_RUN"] = str(new_run(task, model))
            atexit.register(_remove_if_empty, Path(os.environ["WAVSPA_RUN"]).absolute())
        return Path(os.environ["WAVSPA_RUN"])


def _remove_if_empty(folder: Path) -> None:
    """Gives the name of a run back whose start has failed."""
    with suppress(OSError):
        folder.rmdir()


def run(args: list[str] | None = None, *, describing: bool = False) -> WavspaCLI:
    """Runs the command line and returns it, with its trainer; `args` defaults to those of the process.

    With `describing`, `fit` only prints the model as a table.
    """
    quieten()
    if "LOCAL_RANK" not in os.environ:
        os.environ.pop("WAVSPA_RUN", None)
    return WavspaCLI(args, describing=describing)


def main() -> None:
    """Runs the command of `sys.argv`."""
    if "LOCAL_RANK" in os.environ:  # a rank that waits for one that was killed would wait for minutes
        end_with_parent(grace=4.0)
    try:
        if sys.argv[1] == "describe":
            run(["fit", *sys.argv[2:]], describing=True)
        else:
            run()
    except (DataError, FloatingPointError, CheckpointError, LengthError, MisconfigurationException) as error:
        sys.stderr.write(f"error: {' '.join(str(error).split())}\n")
        sys.exit(1 if isinstance(error, (DataError, FloatingPointError)) else 2)
    except ValueError as error:
        if "`val_check_interval`" not in str(error):
            raise
        sys.stderr.write(f"error: {' '.join(str(error).split())}\n")  # Lightning's, and clear
        sys.exit(2)
    except SystemExit:
        close_process_group()
        raise
    close_process_group()
