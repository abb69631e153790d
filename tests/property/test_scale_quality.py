"""Quality told from a profile is what the rows themselves tell."""

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from watchkeeper.domain.profile import profile
from watchkeeper.domain.reference import ReferenceColumn
from watchkeeper.domain.table import Categories
from watchkeeper.monitor.quality import quality_of, quality_of_profile

MOST = np.finfo(np.float64).max
elements = st.one_of(
    st.floats(width=64), st.sampled_from([0.0, -0.0, 1.0, 2.0, np.nextafter(2.0, 3.0), np.nan, np.inf, -np.inf, MOST])
)
columns = arrays(np.float64, st.integers(0, 40), elements=elements)
texts = st.lists(st.one_of(st.none(), st.sampled_from("ABCDE")), max_size=40)


@given(columns, columns)
@example(np.array([-MOST, 1.0]), np.array([-MOST, -np.inf, 2.0]))
@example(np.array([0.0, 1.0]), np.full(12, np.inf))
def test_quality_of_numbers_from_a_profile_is_that_of_the_rows(reference, column):
    fitted = ReferenceColumn.fit("ret1", reference)

    assert quality_of_profile(profile(column, fitted.cells), fitted) == quality_of(column, fitted)


@given(texts, texts)
def test_quality_of_labels_from_a_profile_is_that_of_the_rows(reference, column):
    fitted = ReferenceColumn.fit("venue", Categories.of(reference))
    current = Categories.of(column)

    assert quality_of_profile(profile(current, fitted.cells), fitted) == quality_of(current, fitted)


@given(arrays(np.float32, st.integers(0, 40), elements=st.floats(width=32)))
def test_single_precision_is_told_alike(column):
    fitted = ReferenceColumn.fit("ret1", np.linspace(-1.0, 1.0, 50, dtype=np.float32))

    assert quality_of_profile(profile(column, fitted.cells), fitted) == quality_of(column, fitted)
