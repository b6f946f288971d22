"""Every task against a checker that works on strings, one question at a time."""

import re

import numpy
import pytest

from datamodules.loader import IGNORED
from datamodules.reasoning import CHOMSKY_TASKS, score
from datamodules.reasoning.arithmetic import AdditionTask, CopyTask, ReverseTask, SortTask
from datamodules.reasoning.regular import ModularArithmeticExpression

FAMILY = [CopyTask(), CopyTask(200), ReverseTask(), SortTask(), AdditionTask(), ModularArithmeticExpression(7)]
TASKS = [*(task() for task in CHOMSKY_TASKS.values()), *FAMILY]
LENGTHS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 17, 40]


def number(bits):
    return sum(int(bit) << place for place, bit in enumerate(bits))


def binary(value, terminator=("2",)):
    return [*reversed(f"{value:b}"), *terminator]


def stack(symbols):
    content = []
    for symbol in symbols:
        if symbol == "pop":
            content = content[:-1]
        else:
            content.append(symbol[-1])
    return [*reversed(content), "2"]


def solve(symbols):
    text = "".join(symbols)
    if len(text) < 3:
        return ["0"]
    left, right = text.split("=")
    solutions = [x for x in range(5) if eval(left.replace("x", str(x))) % 5 == int(right)]
    assert len(solutions) == 1, text
    return [str(solutions[0])]


def missing(symbols):
    text = "".join(symbols).rstrip(".")
    if len(symbols) == 1:
        return ["1"]
    half, place = len(text) // 2, text.index("_")
    filled = [text.replace("_", bit) for bit in "01"]
    (answer,) = [string[place] for string in filled if string[:half] == string[half:]]
    return [answer]


def binary_operation(symbols, sign, operation):
    text = "".join(symbols)
    if len(text) <= 2:
        return binary(number(text)) if sign == "+" else ["0"] * (len(text) - 1) + ["2"]
    first, second = text.split(sign)
    assert number(first) > 0 and number(second) > 0
    return binary(operation(number(first), number(second)))


def square_root(symbols):
    value = int("".join(symbols), 2)
    assert value > 0
    root = 0
    for place in reversed(range(len(symbols))):  # the highest bits that still fit
        if (root + (1 << place)) ** 2 <= value:
            root += 1 << place
    return list(f"{root:b}".zfill(-(-len(symbols) // 2)))


def decimal_sum(symbols):
    first, second = "".join(symbols).split("+")
    assert len(first) == len(second)
    return list(reversed(str(int(first[::-1]) + int(second[::-1])).zfill(len(first) + 1)))


CHECKERS = {
    "even_pairs": lambda s: [str((len(re.findall("(?=01|10)", "".join(s)))) % 2)],
    "parity_check": lambda s: [str(s.count("1") % 2)],
    "cycle_navigation": lambda s: [str(sum(map(int, s)) % 5)],
    "modular_arithmetic_brackets": lambda s: [str(eval("".join(s)) % 5)],
    "solve_equation": solve,
    "reverse_string": lambda s: list(reversed(s)),
    "stack_manipulation": stack,
    "duplicate_string": lambda s: [*s, *s],
    "missing_duplicate_string": missing,
    "odds_first": lambda s: [x for i, x in enumerate(s, 1) if i % 2] + [x for i, x in enumerate(s, 1) if not i % 2],
    "binary_addition": lambda s: binary_operation(s, "+", lambda a, b: a + b),
    "binary_multiplication": lambda s: binary_operation(s, "*", lambda a, b: a * b),
    "compute_sqrt": square_root,
    "bucket_sort": sorted,
    "copy": list,
    "reverse": lambda s: list(reversed(s)),
    "sort": lambda s: sorted(s, key=int),
    "addition": decimal_sum,
}


def check(task, length, count):
    questions, answers = task.sample(numpy.random.default_rng(length), length, count)
    assert questions.shape == (count, task.input_length(length))
    assert answers.shape == (count, task.output_length(length))
    assert questions.dtype == answers.dtype == numpy.int64
    for question, answer in zip(questions, answers, strict=True):
        symbols = [task.alphabet[symbol] for symbol in question]
        if task.name == "modular_arithmetic":
            expected = [str(eval("".join(symbols)) % task.num_classes)]
        else:
            expected = CHECKERS[task.name](symbols)
        scored = answer[answer != IGNORED]
        assert [str(value) for value in scored] == expected, symbols
        assert (answer[: len(scored)] == scored).all()  # what is not scored comes last
        assert scored.min() >= 0 and scored.max() < task.num_classes


@pytest.mark.parametrize("task", TASKS, ids=lambda task: f"{task.name}-{task.num_classes}")
def test_answers_are_what_a_checker_finds(task):
    for length in LENGTHS:
        check(task, length, 60)


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS, ids=lambda task: f"{task.name}-{task.num_classes}")
def test_answers_of_ten_thousand_questions(task):
    for length in range(1, 101):
        check(task, length, 100)


@pytest.mark.parametrize("task", TASKS, ids=lambda task: f"{task.name}-{task.num_classes}")
def test_long_questions(task):
    if "arithmetic" in task.name or task.name == "solve_equation":
        questions, answers = task.sample(numpy.random.default_rng(0), 500, 20)
        assert questions.shape[1] == task.input_length(500) and (answers >= 0).all()
    else:
        check(task, 500, 5)


@pytest.mark.parametrize("task", TASKS, ids=lambda task: f"{task.name}-{task.num_classes}")
def test_every_symbol_and_every_answer_occurs(task):
    generator = numpy.random.default_rng(1)
    drawn = [task.sample(generator, length, 500) for length in (6, 11)]
    symbols = set().union(*(set(question.ravel().tolist()) for question, _ in drawn))
    answers = set().union(*(set(answer.ravel().tolist()) for _, answer in drawn)) - {IGNORED}
    assert symbols == set(range(len(task.alphabet)))
    assert answers == set(range(task.num_classes))


@pytest.mark.parametrize("name", CHOMSKY_TASKS)
def test_samples_depend_on_the_generator_alone(name):
    first, second, other = (CHOMSKY_TASKS[name]().sample(numpy.random.default_rng(s), 30, 50) for s in (3, 3, 4))
    assert all((a == b).all() for a, b in zip(first, second, strict=True))
    assert (first[0] != other[0]).any()


def test_left_sides_of_brackets_are_uniform():
    question, _ = CHOMSKY_TASKS["modular_arithmetic_brackets"]().sample(numpy.random.default_rng(0), 9, 6000)
    # ( left operator right ), left of 1 to 5 symbols; the operator is the only + - * at bracket depth one that
    # does not follow an operator or an opening bracket
    counts = numpy.zeros(10)
    for row in question:
        depth = 0
        for place, symbol in enumerate(row.tolist()):
            depth += (symbol == 8) - (symbol == 9)
            if depth == 1 and 5 <= symbol <= 7 and row[place - 1] not in (5, 6, 7, 8):
                counts[place] += 1
                break
    assert counts.sum() == 6000
    assert (abs(counts[2:7] / 6000 - 0.2) < 0.03).all()


def test_there_are_fifteen_tasks_of_the_benchmark():
    assert len(CHOMSKY_TASKS) == 15


@pytest.mark.parametrize(("length", "count"), [(0, 1), (-3, 1), (5, 0)])
def test_lengths_and_counts_below_one_are_refused(length, count):
    with pytest.raises(ValueError, match="must be at least 1"):
        CHOMSKY_TASKS["even_pairs"]().sample(numpy.random.default_rng(0), length, count)


def test_the_score_is_the_mean_over_untrained_lengths():
    accuracies = {length: (1.0 if length <= 40 else 0.5 if length <= 270 else 0.9) for length in range(1, 501)}
    assert score(accuracies) == pytest.approx(0.7)
    assert score({10: 1.0, 11: 0.25}, max_train_length=10) == 0.25
    with pytest.raises(ValueError, match="max_train_length=40"):
        score({1: 1.0, 40: 1.0})
