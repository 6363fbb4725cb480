"""Tables by image id: what is read, and what is refused by name."""

from __future__ import annotations

import pytest

from tfseg.checks import InputError
from tfseg.data.files.tables import check_complete, read_table


def test_the_first_of_the_columns_that_the_file_has_is_read(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes('\ufeffgroup,id,weight\r\nx,"a, ä",2\r\ny,b,3\r\n'.encode())
    assert read_table(path, "weight", "group") == ("weight", {"a, ä": "2", "b": "3"})
    assert read_table(path, "split", "group") == ("group", {"a, ä": "x", "b": "y"})


def test_a_file_of_another_encoding_is_refused(tmp_path):
    (tmp_path / "t.csv").write_bytes("id,group\nä,1\n".encode("latin-1"))
    with pytest.raises(InputError, match=r"t\.csv must be text in UTF-8"):
        read_table(tmp_path / "t.csv", "group")


def test_ids_without_a_value_are_refused_by_name(tmp_path):
    check_complete(tmp_path, {"a": "1", "other": ""}, ["a"])
    with pytest.raises(InputError, match="must have every image; b, c are missing"):
        check_complete(tmp_path, {"a": "1", "b": ""}, ["c", "a", "b"])
