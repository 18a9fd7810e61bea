"""Our template evaluator against Jinja itself over single expressions and statements.

The grid of expressions is made by a fixed table, so a failure names one template that can be run again.
"""

import itertools
import re

from jinja_reference import check, expected

VARIABLES = {
    "s": "Hello, wörld!\n Second 'line' ", "e": "", "n": 42, "z": 0, "neg": -7, "f": 2.5, "t": True, "no": None,
    "l": [3, 1, 2], "names": ["bob", "Alice", "carol", "alice"], "d": {"b": 1, "a": [1, {"x": None}], "items": "mine"},
    "rows": [{"k": "x", "v": 2, "in": {"n": [5, 6]}}, {"k": "y", "v": 1, "in": {"n": [7, 8]}}, {"k": "X", "v": 3, "in": {"n": []}}], "empty": [], "html": "<a href='x'>&\"</a>",
}
VALUES = ["s", "e", "n", "z", "neg", "f", "t", "no", "l", "names", "d", "rows", "empty", "html", "missing", "'42'", "' 3.7 '", "1e20", "0.1", "(1, 'a')", "'ÄÖ ß é'", "d.items()", "[1, [2, (3,)], {'q': 'it\\'s'}]"]
FILTERS = """abs capitalize count d d('x') default('x',true) default(none) dictsort|list e escape first float float(1.5) int int(7) int(base=16) items|list join join(', ')
last length list lower max min reject|list reject('none')|list replace('l','L') replace('l','L',1) replace('','-') reverse|list reverse|string round round(1) round(1,'floor')
safe select|list select('string')|list sort sort(reverse=true) string sum title tojson tojson(indent=2) tojson(ensure_ascii=true) tojson(sort_keys=true) tojson(separators=(',',':'))
trim trim('!\\n ') unique|list upper wordcount indent indent(2,true) indent('> ',blank=true) batch(2)|list batch(2,'-')|list center(12) map('string')|list map('upper')|join('|') map(attribute='k')|list
map(attribute='in.n.0')|list map(attribute='q',default='?')|list selectattr('v')|list selectattr('v','gt',1)|map(attribute='k')|join rejectattr('v','odd')|list sort(attribute='v')|map(attribute='k')|list
sort(attribute='k')|map(attribute='k')|list sum(attribute='v') groupby('v')|list min(attribute='v') max(attribute='k') attr('upper') format(1) nosuchfilter dictsort(by='value')|list dictsort(reverse=true)|list first|upper""".split()
TESTS = """boolean callable defined divisibleby(2) eq(42) equalto('x') escaped even false float ge(2) gt(2) in([1,42,none]) integer iterable le(2) lower lt(2) mapping ne(42) none number odd
sameas(none) sequence string true undefined upper filter test nosuchtest""".split()
METHODS = """strip() lstrip() rstrip('! ') split() split(',') split(None,1) split('l',1) rsplit('l',1) rsplit(None,1) splitlines() splitlines(true) startswith('Hel') startswith(('x','H')) endswith(' ')
endswith(('x',)) upper() lower() title() capitalize() replace('l','') replace('l','1',1) find('l') find('zz') find('l',4) rfind('l') index('l') index('zz') count('l') count('') isdigit() isalpha() isalnum()
isupper() islower() isspace() removeprefix('Hello') removesuffix(' ') partition(',') rpartition('l') center(40,'*') ljust(40)+'|' rjust(40) join(['a','b']) format(1) append(1) items()
keys()|list values()|list get('a') get('q') get('q','z') pop('a') update({}) copy() index(1) __class__ strip(none) find('l',-6,-1)""".split()
SLICES = ["[0]", "[-1]", "[99]", "[1:]", "[:-1]", "[::-1]", "[::2]", "[3:1]", "[-3:]", "[1:100]", "[100:]", "[::-2]", "['a']", "[none]", "[::0]", ".0", ".a.b", ".items", "['items']", "[true]", "[1.0]", "[-2::-1]", "[:2:-1]"]
OPERATORS = ["+", "-", "*", "/", "//", "%", "**", "~", "==", "!=", "<", "<=", ">", ">=", "in", "not in", "and", "or"]
OPERANDS = ["2", "-3", "0", "2.5", "-0.5", "'ab'", "''", "true", "none", "[1, 2]", "(1, 2)", "{'a': 1}", "missing", "'a'", "[]", "1e16"]


def grid():
    for value in VALUES:
        for made in (f"{{{{ {value} }}}}", f"{{{{ ({value}) is none }}}}", f"{{{{ not ({value}) }}}}", f"{{{{ -({value}) }}}}", f"{{% for x in {value} %}}[{{{{ x }}}}]{{% else %}}-{{% endfor %}}",
                     f"{{% if {value} %}}yes{{% else %}}no{{% endif %}}", f"{{{{ ({value}).nothing }}}}", f"{{{{ ({value}).nothing.more }}}}", f"{{{{ ({value})('x') }}}}"):
            yield made
        for name in FILTERS:
            yield f"{{{{ ({value})|{name} }}}}"
        for name in TESTS:
            yield f"{{{{ ({value}) is {name} }}}}{{{{ ({value}) is not {name} }}}}"
        for name in METHODS:
            if (value, name) == ("missing", "__class__"):
                continue  # the class of Jinja's own object for what is missing; we have no such object
            yield f"{{{{ ({value}).{name} }}}}"
        for cut in SLICES:
            if ":" in cut and value in ("1e20", "0.1"):
                continue  # Jinja's optimiser makes these undefined, but not the same slice of a variable
            yield f"{{{{ ({value}){cut} }}}}"
    for left, operator, right in itertools.product(OPERANDS, OPERATORS, OPERANDS):
        yield f"{{{{ {left} {operator} {right} }}}}"


# Python prints these by address, or by the name of a class.
UNPRINTABLE = ("<generator", "<built-in", "<bound method", "<list_reverseiterator", "<function", "<dict_reversekeyiterator", "<reversed", " object at 0x")
# Integers beyond 64 bits and complex numbers, which no prompt needs, are refused.
BEYOND = 2**63


def beyond_us(source, want):
    text = want.get("ok", "")
    if any(mark in text for mark in UNPRINTABLE) or "j)" in text:
        return True
    return any(int(digits) >= BEYOND for digits in re.findall(r"(?<![.\d])\d+(?![.\de])", text))


def test_a_grid_of_expressions_gives_what_jinja_gives():
    questions = [(source, VARIABLES) for source in grid() if not beyond_us(source, expected(source, VARIABLES))]
    assert len(questions) > 5_000
    check(questions)


STATEMENTS = [
    "a\n  {% if true %}\n  b\n  {% endif %}\n c", "a\n  {%- if true -%}\n  b\n  {%- endif -%}\n c", "a\n  {%+ if true +%}\n  b\n  {%+ endif %}\n c", "  {# x #}  \n y", "  {#- x -#}  \n y", "{{- 1 -}}  x  {{- 2 }}",
    "x\n\n", "x\n", "\n\nx", "a\r\nb\rc", "{{ 'a\r\nb' }}", "{% raw %}\n {{ x }} {% endraw %}\n z", "{%- raw -%} \n {{ x }} {%- endraw -%} \n z", "  {% raw %}x{% endraw %}  ", "{{ '}}' }}{{ {'a': {'b': 1}}['a'] }}",
    "{{ '\\n\\t\\x41\\u00e9\\101\\\\' }}", "{{ \"it's\" 'x' }}", "{{ 1_000 + 0x1F + 0o17 + 0b11 }} {{ 1.5e3 }} {{ 1e-7 }} {{ 1.0 }} {{ 123456789.123456789 }} {{ 1e16 }} {{ 1e15 }}", "{{ 1 if false }}", "{{ 1 if n > 3 else 2 if n else 3 }}",
    "{{ 1, 2 }}", "{{ () }}", "{{ (1,) }}", "{{ [1, 2,] }}", "{{ {1: 2, 'a': none, true: 3} }}", "{{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 1 == 1.0 == true }}", "{{ not 1 == 2 }}", "{{ 2 ** 3 ** 2 }} {{ -2 ** 2 }} {{ 7 // -2 }} {{ -7 % 3 }} {{ 7.5 // 2 }} {{ -7.5 % 2 }}",
    "{{ 'a' ~ 1 ~ none ~ missing ~ 2.0 }}", "{{ n|string + 'x'|upper }}", "{{ s|length > 3 and 'long' or 'short' }}", "{{ -n|abs }}", "{{ n is divisibleby 7 }} {{ n is not none and n is number }}", "{{ 'x' if n is odd else 'y' }}",
    "{% set a, b = 1, 2 %}{{ a }}{{ b }}", "{% set (a, b) = [1, 2] %}{{ a }}{{ b }}", "{% set a, b = [1] %}{{ a }}", "{% set x = 1 %}{% for i in l %}{% set x = x + i %}{% endfor %}{{ x }}", "{% set ns = namespace(x=1, y='a') %}{% for i in l %}{% set ns.x = ns.x + i %}{% endfor %}{{ ns.x }}{{ ns.y }}{{ ns.q }}",
    "{% set ns = namespace({'a': 1}) %}{{ ns.a }}{{ ns }}", "{% set d.x = 1 %}", "{% set x %}a{{ n }}{% endset %}{{ x|upper }}", "{% set x | upper | trim %} a{{ n }} {% endset %}[{{ x }}]", "{% if true %}{% set x = 1 %}{% endif %}{{ x }}", "{% for i in l if i > 1 %}{{ loop.index }}/{{ loop.length }}:{{ i }}{{ ',' if not loop.last }}{% endfor %}",
    "{% for i in l %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.depth }}{{ loop.previtem }}{{ loop.nextitem }}{{ loop.cycle('a', 'b') }};{% endfor %}",
    "{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}", "{% for k in d %}{{ k }}{% endfor %}", "{% for a, b in [(1, 2), [3, 4], 'xy'] %}{{ a }}{{ b }};{% endfor %}", "{% for a, (b, c) in [(1, (2, 3))] %}{{ a }}{{ b }}{{ c }}{% endfor %}", "{% for a, b in [(1, 2, 3)] %}{% endfor %}", "{% for x in n %}{% endfor %}",
    "{% for x in l %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% if loop.last %}{% break %}{% endif %}{% else %}none{% endfor %}", "{% for x in [] %}{% else %}none{% endfor %}", "{% for x in [1, [2, [3]]] recursive %}{% if x is iterable %}({{ loop(x) }}){% else %}{{ x }}@{{ loop.depth }}{% endif %}{% endfor %}",
    "{% for i in range(3) %}{{ i }}{% endfor %}{{ range(2, 8, 3)|list }}{{ range(5, 0, -2)|list }}{{ range(3) }}{{ range(1, 9, 2) }}{{ range(3)[1] }}{{ range(3)|length }}", "{% macro m(a, b=2, c='x') %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ m(1) }}{{ m(1, c=3) }}{{ m() }}{{ m(1, 2, 3) }}{{ m.name }}",
    "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}", "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(q=2) }}", "{% macro m(a) %}{{ a }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, 3, q=4) }}", "{% macro m() %}[{{ caller() }}]{% endmacro %}{% call m() %}x{% endcall %}", "{% macro m() %}[{{ caller(1, 2) }}]{% endmacro %}{% call(a, b) m() %}{{ a }}{{ b }}{% endcall %}",
    "{% macro f(n) %}{{ n if n < 2 else f(n - 1)|int + f(n - 2)|int }}{% endmacro %}{{ f(8) }}", "{% macro m() %}{{ x }}{% endmacro %}{% set x = 5 %}{{ m() }}", "{% macro m() %}{{ caller is defined }}{% endmacro %}{{ m() }}", "{% filter upper %}a{{ n }}{% endfilter %}", "{% filter replace('a', 'b')|upper %}aa{% endfilter %}",
    "{% with a = 1, b = n %}{{ a }}{{ b }}{% endwith %}{{ a }}", "{% print n, s %}", "{% generation %}x{{ n }}{% set q = 1 %}{% endgeneration %}{{ q }}", "{{ dict(a=1, b=2) }}{{ dict({'x': 1}, y=2) }}{{ dict([('a', 1)]) }}", "{% set j = joiner('; ') %}{% for i in l %}{{ j() }}{{ i }}{% endfor %}", "{{ strftime_now('%Y-%m-%d %d %B %b %A %a %H:%M:%S %j %y %p %I') }}",
    "{{ raise_exception('No: ' ~ n) }}", "{{ missing + 1 }}", "{{ missing ~ 1 }}", "{{ missing.x }}", "{{ missing == none }}{{ missing == missing }}", "{{ missing|default('d') }}{{ d.q|default('d') }}{{ d.q.r|default('d') }}", "{{ 'a' in missing }}", "{{ missing in 'a' }}", "{{ d['items'] }}{{ d.items is callable }}", "{{ f is float }}{{ n is float }}{{ t is number }}{{ t is integer }}",
    "{{ '%s-%05.2f-%-4d|%+d|%x' % ('a', 3.14159, 7, 5, 255) }}", "{{ '%s' % 'x' }}{{ '%d%%' % 5 }}", "{{ '%s %s' % ('a',) }}", "{{ '%(a)s' % {'a': 1} }}", "{{ '{} {1}'.format(1, 2) }}", "{{ '{} {}'.format(1, 'b') }}{{ '{0}{0}{x}{{'.format(1, x=3) }}", "{{ [1, 2] + [3] }}{{ (1,) + (2,) }}{{ [0] * 3 }}{{ 'ab' * 2 }}{{ 3 * 'x' }}",
    "{{ [1, 2] < [1, 3] }}{{ 'a' < 'b' }}{{ (1, 2) == [1, 2] }}{{ {'a': 1} == {'a': 1.0} }}", "{{ 1 in [1.0] }}{{ 'a' in {'a': 1} }}{{ 'b' not in 'abc' }}", "{{ d.get('b') }}{{ d.get('zz', 9) }}", "{{ l[1:][0] }}{{ names[-1][0] }}{{ s[7:12] }}", "{{ [l, names]|map('first')|list }}", "{{ rows|map(attribute='in')|map(attribute='n')|map('length')|sum }}",
    "{% for g in rows|groupby('k') %}{{ g.grouper }}{{ g.list|length }}{% endfor %}", "{% for k, g in rows|groupby('v') %}{{ k }}{{ g|map(attribute='k')|join }}{% endfor %}", "{{ rows|selectattr('k', 'in', ['x', 'y'])|list|length }}{{ rows|selectattr('v', '>', 1)|list|length }}", "{{ rows|sort(attribute='k,v')|map(attribute='v')|list }}", "{{ rows|tojson }}", "{{ {'b': [1, {}], 'a': []}|tojson(indent=2) }}",
    "{{ {'é': 'ü\\u2028\\x7f', 'n': [1.0, 1e20, -0.0]}|tojson }}{{ {'é😀': 1}|tojson(ensure_ascii=true) }}", "{{ {1: 2, none: 3, true: 4, 1.5: 5}|tojson }}", "{{ 'x\\x00\\x1f\"\\\\/'|tojson }}", "{{ [missing]|tojson }}", "{% if missing %}x{% elif n == 42 %}y{% else %}z{% endif %}", "{%if n%}x{%endif%}", "{% if n %}{% endif %}x{% if not n %}{% else %}y{% endif %}",
    "{{ nosuch() }}", "{{ n() }}", "{{ s.nosuch() }}", "{{ l.append(4) }}", "{{ d.update({}) }}", "{{ s.__class__ }}", "{{ ''.__class__.__mro__ }}", "{{ s|nosuch }}", "{{ s is nosuch }}", "{% nosuch %}", "{{", "{{ 1 +", "{% if %}{% endif %}", "{% endfor %}", "{% for %}", "{{ (1 }}", "{{ 'a }}", "{# x", "{% raw %}x", "{{ 1 2 }}", "{{ a b }}", "{% break %}", "{{ }}", "{{ a = 1 }}", "{% set 1 = 2 %}", "{{ a.1b }}", "{{ not }}",
    "{{ loop }}", "{% set loop = 1 %}{{ loop }}", "{% set none = 1 %}", "{{ none.x }}", "{{ (none).x.y }}", "{{ true + true }}{{ +true }}{{ -false }}", "{{ 5 / 2 }}{{ 4 / 2 }}{{ 1 / 3 }}", "{{ 1 // 0 }}", "{{ 1.0 % 0 }}", "{{ 10 ** -2 }}{{ 0.1 + 0.2 }}{{ 1e22 }}{{ 3.0e-5 }}{{ 100000000000000000.0 }}",
    "{{ 2.675|round(2) }}{{ 0.5|round }}{{ 1.5|round }}{{ 2.5|round }}{{ 42.55|round(1, 'ceil') }}{{ 1234|round(-2) }}{{ 7|round }}", "{{ 'abc'|first }}{{ 'abc'|last }}{{ ''|first }}", "{{ 'a b  c'.split(' ') }}{{ ' a  b '.split() }}{{ 'a,b,c'.rsplit(',', 1) }}{{ 'aaa'.rsplit('aa') }}{{ '  a b c '.rsplit(None, 1) }}{{ '  a b c '.split(None, 1) }}",
    "{{ 'hello wORLD-foo (bar) it\\'s'|title }}|{{ 'hello wORLD-foo (bar) it\\'s'.title() }}", "{{ 'a\\nb\\n\\nc\\n'|indent(2) }}|{{ 'a\\n\\nb'|indent(2, blank=true) }}|{{ ''|indent }}|{{ 'a\\n'|indent(width='--', first=true) }}", "{{ names|sort }}{{ names|sort(case_sensitive=true) }}{{ names|unique|list }}{{ names|max }}{{ names|min }}", "{{ ['a', 1]|sort }}", "{{ [1, 'a', none, 2.5, [3]]|map('string')|join('/') }}",
    "{{ *l }}", "{{ dict(**{'a': 1}) }}", "{% macro m(a, b) %}{{ a }}{{ b }}{% endmacro %}{{ m(*[1, 2]) }}{{ m(**{'b': 4, 'a': 3}) }}", "{{ m is defined }}{% macro m() %}{% endmacro %}{{ m is defined }}{{ m is callable }}", "{% set x = [] %}{% if x is not none and x %}a{% else %}b{% endif %}", "{{ 'a' if missing is defined and missing.x else 'b' }}", "{{ 'ß'.upper() }}{{ 'ÀÉ'.lower() }}{{ 'привет'.upper() }}{{ 'ΑΒΓ'.lower() }}{{ 'ñandú'|capitalize }}",
    "{{ '日本語'[1] }}{{ '日本語'|length }}{{ '日本語'[::-1] }}{{ '日本語'.find('語') }}{{ 'é'.center(5, '·') }}", "{{ ['a\\'b', 'c\"d', 'e\\'f\"g', 'h\\ni', '\\x07é\\u200b'] }}", "{{ {'a': 'b'}|string ~ [none, true, 1.0]|string }}", "{{ (1, 2)|list }}{{ {'a': 1}|list }}{{ 'abc'|list }}{{ d.keys()|list }}{{ d.values()|list }}", "{{ d.keys() }}{{ {'a': 1}.values() }}{{ {'a': 1}.items() }}", "{{ d|length }}{{ d.keys()|length }}",
    "{% for i in [1, 2, 3] %}{% for j in 'ab' %}{{ loop.index }}{{ i }}{{ j }} {% endfor %}{{ loop.index }};{% endfor %}", "{% for x in l %}{% macro m() %}{{ x }}{% endmacro %}{{ m() }}{% endfor %}", "{% for m in rows if m.v > 1 %}{{ m.k }}{% if loop.first %}F{% endif %}{% if loop.last %}L{% endif %}{% endfor %}", "{% set ns = namespace(found=false) %}{% for x in l if not ns.found %}{{ x }}{% if x == 1 %}{% set ns.found = true %}{% endif %}{% endfor %}",
]


def test_statements_and_white_space_behave_as_in_jinja():
    check([(source, VARIABLES) for source in STATEMENTS])
