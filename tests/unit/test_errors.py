import inspect

from autosample import errors


def test_the_tree_on_top_of_the_file_names_every_error() -> None:
    drawn = errors.__doc__ or ""
    for name, value in inspect.getmembers(errors, inspect.isclass):
        assert name in drawn
        assert issubclass(value, errors.AutoSampleError)
        assert value.__doc__
