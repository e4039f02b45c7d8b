"""Scripts that start themselves again: a process that prepares batches imports the script that has started it."""

import multiprocessing
from multiprocessing.spawn import get_preparation_data

GUARD = (
    'workers: a script is imported by the processes it starts; put what calls fit below `if __name__ == "__main__":`, or '
    "give workers=0"
)


def refuse_in_import() -> None:
    """Raise RuntimeError in a process that is only importing the script of the one that has started it."""
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise RuntimeError(GUARD)


def check_script() -> None:
    """Raise RuntimeError where a process that this script starts would not get through importing it.

    It is tried with one that has nothing to do: one that is waited for with all the data would be waited for for ever.
    """
    if not {"init_main_from_name", "init_main_from_path"} & get_preparation_data("trial").keys():
        return  # a notebook, or a shell
    trial = multiprocessing.get_context("spawn").Process(target=int, daemon=True)
    trial.start()
    trial.join()
    if trial.exitcode:
        raise RuntimeError(f"{GUARD} (the script failed there, as printed above)")
