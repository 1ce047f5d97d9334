"""What stands in a list instead of a password is refused, in the syntax of every tool; a password that only looks odd is taken."""

from __future__ import annotations

import csv
import io
import time

import pytest

from seedvm.base.secret import Secret
from seedvm.machines.lists.entry import MachineList
from seedvm.machines.lists.read import read_list

INSTEAD = """
{{ lookup('x') }} | {{.Values.bmc.password}} | <%= pw %> | ${var.bmc_password} | ${PASSWORD:-x} | #{bmc_password} | @{password}
$env:BMC_PASS | [[ password ]] | %(password)s | %{hiera('x')} | ((bmc_password)) | (( vault "secret/x" )) | {password} | {BMC_PASSWORD}
!Ref BmcPassword | !Sub x | !encrypted | ssm:/bmc/pw | secret://bmc | keepass://x | pass:bmc/node1 | arn:aws:secretsmanager:x:1:secret:x
ENC[AES256_GCM,data:xx,iv:yy,tag:z,type:str] | <<password>> | **REDACTED** | --REDACTED-- | (redacted) | <redacted> | (sensitive value)
%pass% | %BMC_PASS1% | %%PASSWORD%% | $$PASSWORD$$ | $PASSWORD$ | ~PASSWORD~ | @@BMC_PASS@@ | $password | $bmcPassword | $pw | $encrypted$
VALUE_SPECIFIED_IN_NO_LOG_PARAMETER | SecretStr('**********') | ********** (hidden) | ******** | see vault | See KeePass | in vault
on sticker | ask Peter | siehe Tresor | same as above | wie oben | ditto | tbc | TBD | to be defined | n.a. | k.A. | not set | undefined
(none) | (blank) | ... | … | ___ | yourpassword | PUT_PASSWORD_HERE | REPLACE_ME | [bmc_password] | [VAULT] | <your_password>
-----BEGIN PGP MESSAGE----- | @Microsoft.KeyVault(SecretUri=x) | {vault}abc | {AES}abc | {bcrypt}0123456789 | $2b$10$0123456789
"""
ODD = """
{secret} $ecret1 calvin None1! <3kittens> <3kittens $uper_Man P@$$w0rd Pa$$word 100%Sure% a%b%c #hash =Secret1 ==abc +Plus -Minus @home
pass:word a;b;c changeme 0penBmc TBD2024! unknown1 Null0 n/a! vault123 Vault2024! secret env file @@@ ### $ $$ % %% {} [] <> * ** ` über
$2xyz $1abc {SSH}x =1+1 0123456 1e5 TRUE yes ~ back\\slash &amp; %41 2024-01-01 12:30 $Passw0rd mypassword1 the_password! your-pass! [abc]
#ABC# ##HA (paren) [x] *****1 Sup3r$ecret_1 See4Vault samesame seesaw S3cret{1}! My_P@ss_Word
"""


def of(password: str) -> MachineList:
    text = io.StringIO()
    csv.writer(text).writerows([["BMC IP", "user", "password"], ["192.0.2.1", "admin", password]])
    return read_list(text.getvalue().encode(), "list")


@pytest.mark.parametrize("text", [one.strip() for line in INSTEAD.strip().splitlines() for one in line.split(" | ")])
def test_what_stands_instead_of_a_password_is_refused(text: str) -> None:
    found = of(text)
    assert not found.entries
    assert [(one.line, one.where) for one in found.refused] == [(2, "password")]


@pytest.mark.parametrize("password", ODD.split())
def test_an_odd_password_is_taken(password: str) -> None:
    found = of(password)
    assert [str(one) for one in found.refused] == []
    assert found.entries[0].password == Secret(password)


@pytest.mark.parametrize("piece", ["${", "{{", "pass", "[pass", "<%", "((", "$pass", "_pass", "see ", "a_"])
def test_a_cell_without_end_is_refused_at_once(piece: str) -> None:
    began = time.process_time()
    found = of((piece * 130_000)[:130_000])
    assert not found.entries
    assert time.process_time() - began < 5
