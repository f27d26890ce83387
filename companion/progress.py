"""A compiled run taken in chunks, so that its reader can watch it and stop it.

Inside compiled code Python hears nothing. The run is therefore left every CHUNK seconds
or so: then Ctrl-C is heard and the bar moves. Where it is left changes no result.
"""

import warnings
from time import monotonic

import jax
import numpy as np

__all__ = ["in_chunks"]

BAR_AFTER = 1.0  # seconds: a shorter run shows no bar
CHUNK = 0.2  # seconds: chunks double until they take this long


def in_chunks(advance, run, steps: int, show: bool, *given, pause=None, seen=None):
    """A run at its end, at a number that is not finite, or where Ctrl-C stopped it.

    advance(run, stop, *given) returns the run at step `stop`, or earlier if it is no
    longer finite; a run has step, finite, losses and norms, as in companion.training.
    pause, seen: after each `pause` steps, and after the last, seen(run) is called; the
    run ends where it returns True.
    Ctrl-C warns with the number of steps done; before the first chunk it is raised.
    """
    done, chunk, bar, begun = 0, 1, None, None
    pause = pause or steps
    if jax.process_count() > 1:
        chunk = steps  # several hosts must stop at the same steps: no clock decides
    try:
        while done < steps and run.finite:
            before = monotonic()
            stop = min(done + chunk, steps, done - done % pause + pause)
            run = advance(run, np.int32(stop), *given)
            done = int(run.step)  # waits for the chunk to be finished
            now = monotonic()
            begun = begun or now  # the first chunk is mostly the time to compile
            chunk = 2 * chunk if now - before < CHUNK else chunk
            if show and done < steps and now - begun > BAR_AFTER:
                bar = bar or new_bar(steps)
                move(bar, run, done)
            watched = seen is not None and run.finite
            if watched and (done == steps or done % pause == 0) and seen(run):
                break
    except KeyboardInterrupt:
        if not run.step:
            raise
        said = f"interrupted: trained for {int(run.step)} of {steps} steps"
        warnings.warn(said, stacklevel=3)
    finally:
        if bar is not None:
            bar.total = bar.n  # a bar closed before its end would stay, in red
            bar.close()
    return run


def new_bar(steps: int):
    with warnings.catch_warnings():  # which kind of bar it is concerns nobody
        warnings.simplefilter("ignore")
        from tqdm.auto import tqdm  # in a notebook it loads ipywidgets, so not above

        # no minimal interval: the chunks are its intervals
        options = dict(mininterval=0, miniters=1, leave=False, disable=False)
        return tqdm(total=steps, unit="step", **options)


def move(bar, run, done: int) -> None:
    """Show the last step done: its loss and gradient norm, the median over seeds."""
    last = (np.asarray(history)[..., done - 1] for history in (run.losses, run.norms))
    loss, size = map(np.median, last)
    bar.set_postfix_str(f"loss {loss:.3g}, gradient {size:.3g}", refresh=False)
    bar.update(done - bar.n)
