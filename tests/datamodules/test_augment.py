import numpy
import PIL.Image
import torch

from datamodules import Pathfinder
from datamodules.augment import crop_bytes, flip_and_shift, shuffle_arguments, turn_or_mirror
from datamodules.sources.listops import CLOSE, IDS, ZERO


def test_shuffled_arguments_keep_the_expression(release):
    words = ["[MAX", "1", "[SM", "2", "3", "4", "]", "[MIN", "5", "6", "]", "7", "]"]
    tokens = numpy.array([IDS[word] for word in words], numpy.uint8)
    seen = set()
    for seed in range(50):
        shuffled = shuffle_arguments(tokens, numpy.random.default_rng(seed), close=CLOSE, zero=ZERO)
        assert sorted(shuffled) == sorted(tokens)
        text = " ".join(words[tokens.tolist().index(token)] for token in shuffled)
        assert text.startswith("[MAX ") and text.endswith(" ]")
        inner = text[5:-2]
        assert "".join(sorted(inner[inner.index("[SM") + 4 :].split(" ]")[0].split())) == "234"
        seen.add(text)
    assert len(seen) > 20


def test_crops_and_flips_keep_the_content():
    text, generator = numpy.arange(100), numpy.random.default_rng(0)
    starts = set()
    for _ in range(50):
        crop = crop_bytes(text, generator, length=30)
        assert crop.tolist() == list(range(crop[0], crop[0] + 30))
        starts.add(crop[0])
    assert len(starts) > 20 and crop_bytes(text, generator, length=200).tolist() == text.tolist()
    image = numpy.arange(9).reshape(3, 3)
    found = {turn_or_mirror(image, generator).tobytes() for _ in range(100)}
    turned = [numpy.rot90(start, times) for start in (image, image.T) for times in range(4)]
    assert found == {numpy.ascontiguousarray(each).tobytes() for each in turned}
    shifted = flip_and_shift(numpy.ones((32, 32), numpy.uint8), generator)
    assert shifted.shape == (32, 32) and 28 * 28 <= shifted.sum() <= 32 * 32


def test_augmented_batches_change_with_the_epoch_and_repeat_with_the_seed(release, fixtures):
    def tokens(epoch, split="train", **options):
        data = Pathfinder(root=str(release), augment=True, batch_size=19, **options)
        loader = data.train_dataloader() if split == "train" else data.test_dataloader()
        loader.sampler.set_epoch(epoch)
        return next(iter(loader))["tokens"]

    fixtures.pathfinder(release / "pathfinder32" / "curv_contour_length_14")
    gradient = numpy.arange(1024, dtype=numpy.uint32).reshape(32, 32) // 4
    for picture in (release / "pathfinder32").rglob("*.png"):
        PIL.Image.fromarray(gradient.astype(numpy.uint8)).save(picture)
    assert torch.equal(tokens(1), tokens(1))
    assert not torch.equal(tokens(1).sort(0).values, tokens(2).sort(0).values)
    assert torch.equal(tokens(1, num_workers=2), tokens(1))
    assert torch.equal(tokens(1, "test"), tokens(2, "test"))
