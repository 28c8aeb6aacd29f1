"""HTML is escaped once, wherever it stands."""

import json

from gan_jax.modes.report.markup import Markup, element, json_script, table


def test_text_is_escaped_and_markup_is_not_escaped_again():
    inner = element("b", "1 < 2 & 'so' on")
    assert inner == "<b>1 &lt; 2 &amp; &#x27;so&#x27; on</b>"
    assert element("p", inner, ["a", None, Markup("<br>")]) == f"<p>{inner}a<br></p>"


def test_attributes():
    made = element("img", alt='"><script>', class_="a", data_x=1, hidden=True, src=None, open=False)
    assert made == '<img alt="&quot;&gt;&lt;script&gt;" class="a" data-x="1" hidden>'


def test_data_cannot_leave_its_element():
    value = {"</script><!--": ["&amp;", "<script>", 1.5, None]}
    made = json_script("data", value)
    body = made[made.index(">") + 1 : made.rindex("<")]
    assert not set(body) & set("<>&")
    assert json.loads(body) == value


def test_a_table_s_rows_have_headings():
    made = table([["a", "<1>"]], head=["k", "v"], caption="C & D")
    assert '<th scope="row">a</th><td>&lt;1&gt;</td>' in made
    assert '<th scope="col">k</th>' in made
    assert "<caption>C &amp; D</caption>" in made
