"""Words by which a column of identifiers is known.

English, German, French, Spanish, Italian, Dutch; without accents and in lower case, as
``peerd.tasks.identifiers`` compares them.
"""

from __future__ import annotations

import re


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# A column with one of these in its name identifies, whatever is in it.
ALWAYS = _words("""
    dob birthdate birthday dateofbirth geburtsdatum geburtstag datedenaissance fechadenacimiento
    datadinascita geboortedatum date datum fecha timestamp datetime zeitstempel horodatage
    ssn mrn nhs nhsnumber iban bic bsn dni nif nie nir cpf svnr kvnr ahv insz rijksregisternummer
    email mail emailaddress mailadresse courriel correo phone phonenumber telephone telefon
    telefono telefoon tel fax handy handynummer telefonnummer telefoonnummer gsm
    uuid guid uid patientid patientno patientnr personid customerid clientid caseid recordid
    passport passeport pasaporte passaporto paspoort reisepass ausweis ausweisnummer
    surname lastname firstname forename givenname familyname fullname middlename maidenname
    nachname vorname familienname geburtsname rufname prenom nomdefamille apellido apellidos
    cognome achternaam voornaam aktenzeichen fallnummer steuernummer codicefiscale
    creditcard cardnumber kreditkarte username login ip ipaddress
    """)
# So does one of these unless the column holds numbers: a French "nombre" is a count.
TEXT = _words("""
    name names naam namen nom noms nome nombre
    address addr addresse adresse anschrift direccion domicilio indirizzo adres street strasse
    rue calle straat wohnort residence
    note notes comment comments remark remarks freetext text narrative description anamnesis
    notiz notizen bemerkung bemerkungen kommentar freitext anamnese befund arztbrief
    commentaire commentaires remarque remarques texte observaciones comentario comentarios nota
    notas osservazioni commento commenti testo opmerking opmerkingen toelichting vrijetekst tekst
    anschreiben
    """)
# A column that is called so and no more holds people, where "patient sex" does not.
WHO = _words("""
    patient patients person persons holder subject doctor physician author
    patienten arzt hausarzt kunde kunden medecin medico huisarts paciente paziente klant client
    cliente customer employee mitarbeiter
    """)
# A name of one of these is no person's.
THINGS = _words("""
    drug product hospital clinic ward department medication medicine test item brand model category
    group type kind status code country city region state race species class unit payer specialty
    medikament produkt klinik station abteilung medicament produit hopital service farmaco producto
    producto ospedale reparto ziekenhuis afdeling geneesmiddel diagnosis procedure file field
    """)
# With a word for a number beside it, one of these numbers somebody.
_ENTITY = _words("""
    patient pat person subject record chart member customer client passenger student donor user
    account policy insurance insured employee social security
    fall akte akten kunde kunden konto police versicherte versicherten versicherung mitglied
    dossier compte assure assurance adherent paciente cliente cuenta poliza expediente historia
    seguro paziente conto polizza cartella assicurato tessera klant rekening polis verzekerde
    """)
_NUMBER = _words("id ids no nr nbr num number numero numeri nummer identifier key kennung ref")
# "admission_type_id" of a few values is a code; of many, whatever it numbers is a case.
_FEW_NUMBERS, _FEW_TEXTS = 64, 20
_JOINED = re.compile(
    r"(patient|patienten|pat|person|personal|personen|fall|akten|konto|kunden|kund|mitglieds?"
    r"|versicherten|versicherungs|sozialversicherungs|policen|steuer|ausweis|pass|rechnungs"
    r"|vertrags|record|account|member|customer|client|policy|case|subject|chart"
    r"|dossier|rekening|polis|klant|burgerservice|verzekerden|verzekerings|insurance)"
    r"(s?)(nummer|number|numero|nr|no|num|id|name|naam|nom)"
)

# By these a column of one word a cell is known for names of people. Left out are those that are
# colours, trades or creeds too.
GIVEN = _words("""
    anna maria peter hans thomas michael andreas stefan martin klaus jurgen wolfgang
    sabine petra monika susanne ursula heike karin lukas jonas felix leon emma mia hannah lena
    john james robert william david richard joseph charles mary patricia jennifer linda elizabeth
    barbara susan jessica sarah karen emily olivia jack harry oliver george alice bob carol
    jean pierre michel philippe alain nicolas marie nathalie isabelle sylvie catherine francoise
    camille julie claire luc jose antonio manuel francisco juan carlos luis javier miguel carmen
    ana isabel lucia elena pilar pedro pablo giuseppe giovanni mario luigi paolo marco francesco
    giulia chiara sofia lucia jan johannes cornelis hendrik willem pieter kees johanna
    maarten sanne daan lotte ahmed mohammed fatima mehmet ayse
    smith johnson williams jones miller davis wilson taylor anderson moore
    muller mueller schmidt weber meier meyer mayer wagner becker schulz hoffmann
    schafer schroder neumann zimmermann kruger
    dupont durand dubois bernard moreau laurent lefebvre leroy garcia martinez lopez
    gonzalez rodriguez fernandez sanchez perez gomez rossi russo ferrari esposito bianchi romano
    colombo ricci dejong jansen devries bakker visser smit mulder nguyen khan
    """)
# Two words with capitals are names of a person, unless one of them is such a word.
COMMON = _words("""
    care room unit ward emergency referral transfer clinic hospital center centre home health
    heart lung liver kidney chronic acute disease failure syndrome type stage grade class group
    high low medium normal abnormal very mild moderate severe positive negative left right upper
    lower none other unknown not never former current smoker married single divorced widowed
    full part time self employed retired student school college university degree some private
    public service services sector government blue white black asian african american european
    hispanic native pacific islander north south east west new york united states kingdom saint
    north credit debit card bank transfer cash payment loan check account mortgage day night
    intensive general internal medicine surgery cardiology oncology plan level risk diabetes
    mellitus iris setosa virginica versicolor
    """)
# Whole numbers of these may all be different, and number nobody.
MEASURES = _words("""
    age alter edad eta leeftijd weight gewicht poids peso height grosse taille lengte bmi
    pressure blutdruck pression bloeddruck systolic diastolic sbp dbp heart rate puls pulse pouls
    glucose glukose cholesterol platelets thrombozyten plaquettes hemoglobin haemoglobin creatinine
    kreatinin leukocytes wbc rbc count days tage jours dias giorni dagen duration dauer duree
    duracion durata duur balance saldo solde income einkommen revenu ingresos reddito inkomen
    salary gehalt salaire salario stipendio salaris amount betrag montant importe importo bedrag
    price preis prix precio prezzo prijs temperature temperatur score dose dosis distance
    """)
FLAGS = _words("""
    yes no true false 0 1 y n t f ja nein j oui non o si s vrai faux verdadero falso vero falso
    waar onwaar nee none given missing unknown present absent known
    """)


def suspicious_name(tokens: list[str], distinct: int, *, number: bool) -> bool:
    """Whether a column whose name has these words identifies: one of numbers, or of text."""
    words, joined = set(tokens), "".join(tokens)
    if words & ALWAYS or joined in ALWAYS or _JOINED.fullmatch(joined):
        return True
    if not number and (words & TEXT or joined in TEXT or joined in WHO) and not words & THINGS:
        return True
    if tokens in (["id"], ["ids"], ["pid"], ["key"], ["identifier"], ["nr"], ["index"]):
        return True
    # "number of visits" counts; "visit number" names one
    counts = {"of", "de", "di", "der", "van"} & words or tokens[:1] in (["num"], ["n"], ["no"])
    if not words & _NUMBER or counts:
        return False
    many = distinct > (_FEW_NUMBERS if number else _FEW_TEXTS)
    return bool(words & _ENTITY and not words & {"type", "group", "kind"}) or many
